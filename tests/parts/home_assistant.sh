# How Home Assistant is had; sourced by the scripts that drive it. HOME_ASSISTANT=newest is the newest release that was
# tried, in a Debian folder of its own because it needs a newer Python; otherwise it is the last one for Python 3.11.

install_home_assistant() { # sets hass, the command
    case ${HOME_ASSISTANT:-} in
    newest) newest_home_assistant 2026.11.0 ;;
    '')
        # With a newer josepy every request to it is a 500. It would install paho-mqtt itself, in the middle of a flow.
        install_python "$work/python" homeassistant==2024.3.3 josepy==1.15.0 paho-mqtt==1.6.1
        hass=("$work/python/bin/hass")
        ;;
    *) fail "HOME_ASSISTANT is newest, or not set" ;;
    esac
}

newest_home_assistant() { # newest_home_assistant VERSION; sets hass
    local mirror root=$work/debian
    command -v debootstrap >/dev/null || apt-get install -y -q debootstrap >/dev/null 2>&1 || return 1
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    # It compiles two small packages at its first start, hence g++, and wants a library that it brings no copy of.
    debootstrap --variant=minbase --include=python3.14,python3.14-venv,python3.14-dev,g++,ca-certificates,libturbojpeg0 \
        sid "$root" ${mirror:+"$mirror"} >"$work/debian.log" 2>&1 || return 1
    mkdir -p "$root$work" "$root/opt"
    cp -L /etc/resolv.conf "$root/etc/"
    [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
    # The mounts end with the namespace, and the folder can be removed. The certificates are those that the machine trusts.
    inside=(unshare --mount --pid --fork --kill-child sh -c '
        root=$1 work=$2; shift 2
        mount --bind "$work" "$root$work" && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" \
            && mount --bind /etc/ssl "$root/etc/ssl" && exec chroot "$root" "$@"' sh "$root" "$work")
    "${inside[@]}" sh -c "python3.14 -m venv /opt/python && /opt/python/bin/pip install -q homeassistant==$1 \
        && requirement=\$(grep -o 'paho-mqtt==[0-9.]*' /opt/python/lib/python3.14/site-packages/homeassistant/components/mqtt/manifest.json) \
        && /opt/python/bin/pip install -q \"\$requirement\"" >"$work/pip.log" 2>&1 || return 1
    hass=("${inside[@]}" /opt/python/bin/hass)
}
