#!/usr/bin/env bash
# The whole way to a phone, judged by somebody else's program: a stream, the real bridge, and real ntfy servers from
# Debian's packages, the newest and an old one (NT-7), read back the way a subscriber would. Both go through the same
# checklist. Skips, loudly, where no package can be had.
. "$(dirname "$0")/parts/common.sh"

needs apt-get curl python3
suites=()
for suite in sid trixie; do
    if ! unpack_debian "$suite" ntfy "$work/$suite"; then
        echo "SKIPPED: no ntfy package of Debian $suite can be had"
    elif ! "$work/$suite/usr/bin/ntfy" --help >/dev/null 2>&1; then
        echo "SKIPPED: the ntfy program of Debian $suite does not run here"
    else
        suites+=("$suite")
    fi
done
[ "${#suites[@]}" -gt 0 ] || skip "no ntfy server can be had"
build_bellwire

# A server with a limit costs half a minute of waiting, so everything goes on at the same time.
running=()
for suite in "${suites[@]}"; do
    for part in limits messages outages updates mistakes; do
        "$parts/ntfy_suite.sh" "$work/$suite/usr/bin/ntfy" "$(cat "$work/$suite.version")" "$bellwire" "$part" \
            >"$work/$suite.$part" 2>&1 &
        running+=("$!:$suite.$part")
        pids+=($!)
    done
done
failed=""
for one in "${running[@]}"; do
    wait "${one%%:*}" || failed="$failed ${one#*:}"
done
for suite in "${suites[@]}"; do
    for part in mistakes messages updates outages limits; do cat "$work/$suite.$part"; done
done
[ -z "$failed" ] || fail "$failed"
[ "${suites[*]}" != "sid trixie" ] || echo "NT-7 (ntfy $(cat "$work/trixie.version")): an old server passes the same list"
echo "a phone gets every message from ntfy $(for suite in "${suites[@]}"; do cat "$work/$suite.version"; done | paste -sd '&' | sed 's/&/ and /')"
