# Runs what is in an image's root the way an engine would, for machines that have none. Sourced after common.sh.

# As the image says: its user with no rights besides, process 1 of its own, its environment and nothing else, the root
# read-only, and only /data writable. What is in FILES becomes /etc/bellwire and /run/secrets, to read. It takes the
# place of the shell that calls it: put it in brackets.
in_image() { # in_image ROOT DATA FILES ARGUMENT...
    local root=$1 data=$2 files=$3; shift 3
    mkdir -p "$root/etc/bellwire" "$root/run/secrets"
    # shellcheck disable=SC2016
    exec unshare --mount --pid --fork --kill-child sh -euc '
        root=$1 data=$2 files=$3; shift 3
        mount --bind "$root" "$root"
        mount --bind "$data" "$root/data"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        for part in bellwire secrets; do
            place=/etc/bellwire; [ "$part" = bellwire ] || place=/run/secrets
            [ ! -d "$files/$part" ] || mount --bind -o ro "$files/$part" "$root$place"
        done
        [ -z "${memory_group:-}" ] || echo 0 >"$memory_group/cgroup.procs"
        [ -z "${without_roots:-}" ] || mount -t tmpfs tmpfs "$root/etc/ssl"
        mount -o remount,bind,ro "$root"
        exec env -i $image_environment "$(command -v chroot)" --userspec=65532:65532 --groups= "$root" \
            /usr/local/bin/bellwire "$@"' sh "$root" "$data" "$files" "$@"
}

# Who starts a world in the background adds it here; it does not end for less, and takes all that is in it along.
worlds=()
end_worlds() { for world in "${worlds[@]}"; do kill -KILL "$world" 2>/dev/null || true; done; }

# A group of processes that gets no more memory than that. Where none can be made, nothing holds the limit.
limit_memory() { # limit_memory SIZE; sets memory_group
    local group limit
    for group in /sys/fs/cgroup/memory/bellwire-$$ /sys/fs/cgroup/bellwire-$$; do
        mkdir "$group" 2>/dev/null || continue
        for limit in memory.limit_in_bytes memory.max; do
            [ -e "$group/$limit" ] && echo "$1" >"$group/$limit" && export memory_group=$group && return 0
        done
        rmdir "$group"
    done
    echo "SKIPPED: no group of processes can be made here, so nothing holds the limit of memory"
}

# The program itself, whose parent keeps its world: signals are for it.
inside() { pgrep -P "$1"; }
