# Networks of their own for instances, for the scripts in the folder above that need some: each has one way to where the
# database is and another one to all else, so that the first can be cut alone. They are namespaces of the kernel, which
# only root may make.

# Fails where there can be none.
make_networks() { # make_networks COUNT; sets networks, network_of_queue, network_of_others and cut_network, a command that
    # takes away or gives back, by `down` or `up` as $2, the way of the $1th to the database
    local range number name
    [ "$(id -u)" = 0 ] && command -v nsenter >/dev/null || return 1
    command -v ip >/dev/null || {
        command -v apt-get >/dev/null && apt-get update -q >/dev/null 2>&1 \
            && apt-get install -y -q --no-install-recommends iproute2 >/dev/null 2>&1
    } || return 1
    # A range that nobody has outside of laboratories, and of that a part by the number of this process.
    range=198.18.$(($$ % 256))
    network_of_queue=$range.253 network_of_others=$range.254 networks=
    networks_made=$1
    ip address add "$network_of_queue/32" dev lo && ip address add "$network_of_others/32" dev lo || return 1
    # What is for a network whose way is gone goes nowhere else.
    ip route add blackhole "$range.0/24" || return 1
    for number in $(seq 1 "$1"); do
        name=bellwire-$$-$number
        ip netns add "$name" && ip -n "$name" link set lo up || return 1
        add_way "$name" "q$number.$$" "$range" $((8 * number)) "$network_of_queue" \
            && add_way "$name" "o$number.$$" "$range" $((8 * number + 4)) "$network_of_others" || return 1
        networks+=" /run/netns/$name"
    done
    cut_network="ip link set \"q\$1.$$\" \"\$2\""
}

add_way() { # add_way NETWORK NAME RANGE FIRST ADDRESS: to ADDRESS, with the four addresses from FIRST on
    local network=$1 name=$2 range=$3 first=$4 address=$5
    ip link add "$name" type veth peer name "$name" netns "$network" \
        && ip address add "$range.$((first + 1))/30" dev "$name" && ip link set "$name" up \
        && ip -n "$network" address add "$range.$((first + 2))/30" dev "$name" \
        && ip -n "$network" link set "$name" up \
        && ip -n "$network" route add "$address/32" via "$range.$((first + 1))"
}

# To be done at the end, also where not all was made.
remove_networks() {
    local number range=198.18.$(($$ % 256))
    [ -n "${networks_made:-}" ] || return 0
    # What goes between two of them goes with either.
    for number in $(seq 1 "$networks_made"); do ip netns delete "bellwire-$$-$number" 2>/dev/null || true; done
    ip route delete blackhole "$range.0/24" 2>/dev/null || true
    for number in 253 254; do ip address delete "$range.$number/32" dev lo 2>/dev/null || true; done
}
