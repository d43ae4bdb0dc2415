#!/usr/bin/env bash
# The image, really built and run: buildah builds it without an engine, on base images made of Debian's packages and this
# machine's Rust; then its root, read-only and as its own user, rings the demo, serves, answers the health check, keeps
# its queue over a stop and a start, and says what is wrong where something is. Prints its size, its memory and how soon
# it rings. Needs to be root, and some minutes; skips, loudly, where it cannot be built.
. "$(dirname "$0")/parts/common.sh"
. "$parts/base_images.sh"
. "$parts/image.sh"
trap 'end_worlds; finish; [ -z "${memory_group:-}" ] || rmdir "$memory_group"' EXIT

[ "$(id -u)" = 0 ] || skip "needs root, for file systems of its own"
needs python3 curl pgrep
have_builder() { command -v buildah >/dev/null && command -v debootstrap >/dev/null; }
have_builder || {
    command -v apt-get >/dev/null && apt-get update -q >"$work/apt.log" 2>&1 \
        && apt-get install -y -q buildah debootstrap >>"$work/apt.log" 2>&1 || true
}
have_builder || skip "buildah and debootstrap cannot be had (in Debian: packages of those names)"
unshare --mount --pid --fork true 2>/dev/null || skip "this machine gives out no namespaces"
chmod 755 "$work"

# == built
begin=$SECONDS
make_base_images || skip "no base images can be made"
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
buildah_here bud --isolation chroot --format docker --build-arg BUILD_IMAGE=localhost/base-build \
    --build-arg RUN_IMAGE=localhost/base-run --build-arg BELLWIRE_COMMIT="$commit" -t localhost/bellwire . \
    >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; fail "the image cannot be built"; }
buildah_here rmi -f localhost/base-build >/dev/null
echo "the image was built in $((SECONDS - begin)) s"

# == what it says of itself
buildah_here inspect --type image localhost/bellwire >"$work/inspect.json"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
image_environment=$(python3 "$parts/image.py" "$work/inspect.json" "$version" "$commit") || fail "see above"
export image_environment
buildah_here push -q localhost/bellwire "oci:$work/oci:latest"
size=$(find "$work/oci/blobs" -type f -printf '%s\n' | awk '{ all += $1 } END { print all }')
echo "the image has $((size / 1000)) kB, compressed"
[ "$size" -lt 20000000 ] || fail "the image has 20 MB or more"

root=$(buildah_here mount "$(buildah_here from localhost/bellwire)")
[ -z "$(find "$root" -xdev -type f -name '*sh' -perm /111 -path '*/bin/*')" ] || fail "the base has a shell, which hides what needs one"
data=$work/data files=$work/files
mkdir -p "$data" "$files"/{bellwire,secrets}
chown 65532:65532 "$data"
alone() { (in_image "$root" "$data" "$files" "$@"); }

[ "$(alone --version)" = "bellwire $version ($commit)" ] || fail "--version says $(alone --version)"

# == what is wrong is told
told() { # told STATUS WORDS DATA FILES ARGUMENT...
    local status=0 expected=$1 words=$2; shift 2
    (in_image "$root" "$@") >"$work/told" 2>&1 || status=$?
    [ "$status" = "$expected" ] && grep -qF -- "$words" "$work/told" \
        || { cat "$work/told"; fail "exit status $status, expected $expected and: $words"; }
}
told 2 "/etc/bellwire/config.toml" "$data" /nowhere run
cat >"$files/bellwire/config.toml" <<'T'
[sources.ttmt]
kind = "ttmt"
api_key = "ttmt_live_0123456789012345678901234567890123456789012"
[sinks.phone]
kind = "ntfy"
topic = "nobody-listens-here"
[[rules]]
name = "hits"
to = ["phone"]
T
mkdir "$work/foreign"
told 1 'chown -R 65532 /data' "$work/foreign" "$files" run
without_roots=yes told 2 "SSL_CERT_FILE" "$data" "$files" run

# == the demo rings
(in_image "$root" "$data" /nowhere demo) >"$work/demo.out" 2>&1 &
world=$! worlds+=($!)
rings_of_all() { for kind in webhook discord slack ntfy; do grep -E "tp_hit +$kind " "$work/demo.out" || return 1; done; }
until_ready "the demo's rings" rings_of_all || { cat "$work/demo.out"; fail "the demo does not ring"; }
kill -INT "$(inside "$world")"
wait "$world" || fail "the demo ended with status $?"
[ -z "$(ls -A "$data")" ] || fail "the demo left something behind: $(ls -A "$data")"
echo "the demo rang in the image's root, read-only and as its user, and left nothing behind"

# == it serves
upstream=127.0.0.1:$(free_port) page=127.0.0.1:$(free_port) hook=$(free_port)
key=ttmt_live_0123456789012345678901234567890123456789012
printf '%s\n' "$key" >"$files/secrets/key"
printf 'whsec_%s\n' "$(head -c 32 /dev/urandom | base64)" >"$files/secrets/hook"
chown 65532 "$files"/secrets/*
chmod 400 "$files"/secrets/*
cat >"$files/bellwire/config.toml" <<T
[http]
listen = "$page"
[sources.ttmt]
kind = "ttmt"
base_url = "http://$upstream/api/v1"
api_key = { file = "/run/secrets/key" }
[sinks.hook]
kind = "webhook"
url = "http://127.0.0.1:$hook/"
secret = { file = "/run/secrets/hook" }
retry = { initial = "100ms", max = "1s" }
[[rules]]
name = "hits"
events = ["tp_hit"]
to = ["hook"]
T
(in_image "$root" "$data" /nowhere simulate ttmt --listen "$upstream" --key "$key" --rate 0.001) >"$work/upstream.log" 2>&1 &
worlds+=($!)
until_ready "the simulated TTMT" curl -sS "http://$upstream/" || fail "the simulated TTMT"
ring() { curl -fsS -X POST "http://$upstream/simulate/burst" -d "{\"count\": $1, \"type\": \"tp_hit\"}" >/dev/null; }
receive() { # accepts, as long as it is alive; sets receiver
    python3 "$parts/counter.py" "$hook" "$work/received" 2>>"$work/counter.log" &
    receiver=$!
    pids+=("$receiver")
    until_ready "the receiver" curl -fsS "http://127.0.0.1:$hook/"
}
deafen() { kill "$receiver"; wait "$receiver" 2>/dev/null || true; }
count() { cut -d' ' -f1 "$work/received" 2>/dev/null | sort -u | grep -c '' || true; }
received() { [ "$(count)" -ge "$1" ]; }
launch() { # sets world
    (in_image "$root" "$data" "$files" run) >>"$work/bellwire.log" 2>&1 &
    world=$! worlds+=($!)
}
start() { # sets world and program
    launch
    until_ready "its own health check" alone health || { cat "$work/bellwire.log"; fail "it is not healthy"; }
    program=$(inside "$world")
}
stop() {
    local begin=$SECONDS
    kill -TERM "$program"
    wait "$world" || { cat "$work/bellwire.log"; fail "it ended with status $?"; }
    [ $((SECONDS - begin)) -lt 10 ] || fail "it did not stop within Docker's 10 s"
}
memory() { # memory FIELD: in kB
    sed -n "s/^$1:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$program/status"
}
waiting() { # waiting NUMBER
    alone queue list --json --state waiting \
        | python3 -c 'import json, sys; sys.exit(len(json.load(sys.stdin)) < int(sys.argv[1]))' "$1"
}

limit_memory 64M
receive
start
[ "$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$program/status")" = 65532 ] || fail "it does not run as its user"
ring 1
until_ready "a ring" received 1 || fail "nothing was delivered"
idle=$(memory VmRSS)
deafen
ring 5
until_ready "deliveries that wait" waiting 5 || fail "nothing waits"
stop
receive
start
until_ready "what had waited" received 6 || fail "what waited was lost over a stop and a start"
echo "what waited was delivered after a stop and a start"

# == what it needs
for _ in $(seq 10); do ring 1000; done
patience=1200 until_ready "10,000 deliveries" received 10006 || fail "only $(count) were delivered"
echo "memory: $idle kB after its first delivery, $(memory VmRSS) kB after 10,000 more, $(memory VmHWM) kB at most"
[ "$(memory VmHWM)" -lt 64000 ] || fail "it needed more than the 64 MB of deploy/compose.yaml"
deafen
ring 1
until_ready "a delivery that waits" waiting 1 || fail "nothing waits"
stop
rm "$work/received"
receive
begin=$(date +%s%N)
launch
until_ready "the first ring" received 1 || fail "it does not ring after a start"
echo "from the start to the first ring, of a delivery that had waited: $((($(head -n 1 "$work/received" | cut -d' ' -f2) - begin) / 1000000)) ms"
program=$(inside "$world")
stop
echo "the image holds, built and run as bellwire $version ($commit)"
