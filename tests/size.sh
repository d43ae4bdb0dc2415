#!/usr/bin/env bash
# What the program takes: bytes on the disk, and memory while it waits for an event with one source and one sink. What
# build.rs lays apart really lies apart, and most of it stays out of memory. How much memory it is depends on the system,
# and is printed.
. "$(dirname "$0")/parts/common.sh"

needs curl python3 readelf
[ "$(uname -s)" = Linux ] || skip "reads /proc"
build_bellwire

size=$(stat -L -c %s "$bellwire")
echo "the program has $size bytes"
[ "$size" -lt 12000000 ] || fail "the program has 12 MB or more"
apart=$(readelf -SW "$bellwire" | sed -n 's/.* \.text\.seldom *PROGBITS *[0-9a-f]* *[0-9a-f]* *\([0-9a-f]*\) .*/\1/p')
if [ -z "$apart" ]; then
    [ -n "${BELLWIRE:-}${RUSTFLAGS:-}" ] || fail "nothing lies apart"
    skip "this program was linked in another way, which lays nothing apart"
fi
echo "$((16#$apart)) bytes of it lie apart"
# That is 2.5 million where it was measured; a list whose names are no longer those of the code gathers less.
[ "$((16#$apart))" -gt 2000000 ] || fail "less lies apart than the list of build.rs once found"

mkdir "$work/home"
: >"$work/events"
serve_events "$work/events"
start_receiver "$work/received"
{
    printf 'data_dir = "%s/data"\n' "$work/home"
    printf '[http]\nlisten = "127.0.0.1:%s"\n' "$(free_port)"
    source_of "$feed"
    printf '[sinks.hook]\nkind = "webhook"\nurl = "%s"\nsecret = "whsec_%s"\n' "$receiver" "$(head -c 24 /dev/urandom | base64)"
    printf '[[rules]]\nname = "all"\nevents = ["*"]\nto = ["hook"]\n'
} >"$work/home/config.toml"
start_bellwire "$work/home"
until_ready "the bridge" grep -q '"connected"' "$work/home/bellwire.log" || { cat "$work/home/bellwire.log"; fail "it does not connect"; }
sleep 2
resident() { # resident FIELD PERMISSIONS: of the program's own mappings with these, in kB
    awk -v field="$1:" -v wanted="$2" -v own="$(readlink -f "$bellwire")" \
        '/^[0-9a-f]+-[0-9a-f]+ / { is = $2 == wanted && $6 == own } is && $1 == field { all += $2 } END { print all + 0 }' "/proc/$bridge/smaps"
}
code=$(resident Size r-xp) read_in=$(resident Rss r-xp)
echo "memory while it waits: $(awk '/^VmRSS/ { print $2 }' "/proc/$bridge/status") kB; of $code kB of code $read_in kB are read in"
[ "$(getconf PAGESIZE)" != 4096 ] || [ "$((read_in * 100))" -lt "$((code * 85))" ] || fail "what lies apart is read in"
echo '{"type": "tp_hit", "timestamp": "2026-11-28T10:00:00Z", "data": {"symbol": "XAUUSD"}}' >>"$work/events"
until_ready "the delivery" test -s "$work/received" || fail "it does not ring"
kill -TERM "$bridge"
wait "$bridge" || fail "it ended with status $?"
echo "it rang, and took what it should"
