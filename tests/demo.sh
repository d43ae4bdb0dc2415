#!/usr/bin/env bash
# The README's first command: all four sinks ring within ten seconds of the start, and Ctrl-C ends it cleanly.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked
out=$(mktemp)
trap 'rm -f "$out"' EXIT

target/release/bellwire demo >"$out" 2>&1 &
demo=$!
rang=""
for _ in $(seq 100); do
    missing=""
    for kind in webhook discord slack ntfy; do
        grep -qE "(^|[^a-z])$kind([^a-z]|\$)" <(grep 'tp_hit' "$out" || true) || missing="$missing $kind"
    done
    if [ -z "$missing" ]; then rang=yes; break; fi
    kill -0 "$demo" 2>/dev/null || break
    sleep 0.1
done
kill -INT "$demo" 2>/dev/null || true
status=0
wait "$demo" || status=$?
cat "$out"
[ -n "$rang" ] || { echo "no take-profit rang within 10 s at:$missing"; exit 1; }
[ "$status" = 0 ] || { echo "the demo ended with status $status"; exit 1; }
echo "the demo rang all four sinks within 10 s and ended cleanly"
