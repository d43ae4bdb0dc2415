#!/usr/bin/env bash
# Part of the checklist against one ntfy program: ntfy_suite.sh PROGRAM VERSION BELLWIRE PART. Run by ntfy.sh; each line of
# the output is a check by its id.
. "$(dirname "$0")/common.sh"
. "$parts/ntfy_server.sh"
ntfy=$1 version=$2 bellwire=$3
export PYTHONDONTWRITEBYTECODE=1

passed() { echo "$1 (ntfy $version): ${*:2}"; }
judge() { python3 "$parts/ntfy_judge.py" "$@" || { echo "FAILED: $1 (ntfy $version)"; return 1; }; }

# A server that lets five requests through and one more every two seconds; it never says how long to wait.
limits() {
    start_ntfy slow 'visitor-request-limit-burst: 5' 'visitor-request-limit-replenish: "2s"'
    local at=$server with=$token
    start_receiver "$work/slow.jsonl" --to "$at"
    local through=$receiver
    for number in $(seq 20); do
        printf '{"type":"tp_hit","data":{"symbol":"N%02d"}}\n' "$number"
    done >"$work/twenty.jsonl"
    serve_events "$work/twenty.jsonl"
    mkdir "$work/limits"
    {
        head_of "$feed"
        sink phone "$through" slow "token = \"$with\"" 'ordered = true'
        printf '[[rules]]\nname = "all"\nto = ["phone"]\n'
    } >"$work/limits/config.toml"
    start_bellwire "$work/limits"
    # Reading costs requests, too, so what was accepted is counted on its way.
    all_there() { [ "$(grep -c '"status": 200' "$work/slow.jsonl")" -ge 20 ]; }
    patience=900 until_ready "every delivery" all_there || { tail -n 5 "$work/limits/bellwire.log"; return 1; }
    read_topic "$at" "$with" slow >"$work/slow.seen"
    judge NT-5 "$work/slow.seen" "$work/slow.jsonl"
    passed NT-5 "20 deliveries in order through a limit of 5 and one every 2 s, never within 10 s of a refusal"
}

# Every event there is, to a server with attachments and to one without.
messages() {
    local many='visitor-request-limit-exempt-hosts: "127.0.0.1"'
    start_ntfy on "attachment-cache-dir: \"$work/on/attachments\"" "$many"
    by_user on
    local on=$server on_token=$token
    start_ntfy off "$many"
    by_user off
    local off=$server off_token=$token
    start_receiver "$work/on.jsonl" --to "$on"
    local to_on=$receiver
    start_receiver "$work/off.jsonl" --to "$off" --below /push
    local to_off=$receiver/push
    start_receiver "$work/wrong.jsonl" --to "$on"
    local to_wrong=$receiver
    start_receiver "$work/anonymous.jsonl" --to "$on"
    local to_anonymous=$receiver

    { cat tests/fixtures/events.jsonl; python3 tests/hostile.py; python3 "$parts/ntfy_judge.py" exactly; } >"$work/sent.jsonl"
    serve_events "$work/sent.jsonl"
    local longest
    longest=$(python3 "$parts/ntfy_judge.py" longest)
    mkdir "$work/messages"
    {
        head_of "$feed"
        sink samples "$to_on/" samples "token = \"$on_token\""
        sink chosen "$to_on" chosen "token = \"$on_token\"" 'priority = 5' 'tags = ["tada", "x-ray"]' \
            'click = "https://example.org/trades?a=1&b=ü"' 'icon = "https://example.org/icon.png"' "$(python3 "$parts/ntfy_judge.py" actions)"
        sink longest-on "$to_on" longest "token = \"$on_token\"" "$longest"
        sink longest-off "$to_off" longest "token = \"$off_token\"" "$longest"
        sink longest-off-slash "$to_off/" slash 'username = "bridge"' 'password = "pw"'
        sink wrong "$to_wrong" wrong 'token = "tk_00000000000000000000000000000"' 'concurrency = 1'
        sink anonymous "$to_anonymous" anonymous 'concurrency = 1'
        cat <<'T'
[[rules]]
name = "exactly"
events = ["exactly"]
to = ["samples", "longest-off-slash"]
title = "exactly"
message = "{{ data.text }}"
[[rules]]
name = "samples"
to = ["samples"]
[[rules]]
name = "chosen"
events = ["tp_hit"]
when = "data.signal is defined"
to = ["chosen", "wrong", "anonymous", "longest-off-slash"]
[[rules]]
name = "longest"
to = ["longest-on", "longest-off"]
title = "{{ data.symbol }} {{ event.type }} {{ data.reason }}"
message = "{{ data.error }}\n{{ data.comment }}\n{{ data.symbol }}"
T
    } >"$work/messages/config.toml"
    start_bellwire "$work/messages"
    local events hits
    events=$(lines "$work/sent.jsonl") hits=4
    sent() { # samples, chosen and longest-on; longest-off and longest-off-slash, which gets the three of one length, too
        [ "$(lines "$work/on.jsonl")" -ge $((2 * events + hits)) ] && [ "$(lines "$work/off.jsonl")" -ge $((events + hits + 3)) ]
    }
    held() { [ "$(deliveries "$work/messages" --state held | grep -o '"state"' | wc -l)" -ge $((2 * hits)) ]; }
    patience=900 until_ready "every delivery" sent && until_ready "two sinks at rest" held || {
        lines "$work/on.jsonl"; lines "$work/off.jsonl"; tail -n 5 "$work/messages/bellwire.log"
        return 1
    }
    for topic in samples chosen longest; do read_topic "$on" "$on_token" $topic; done >"$work/on.seen"
    for topic in longest slash; do read_topic "$off" "$off_token" $topic; done >"$work/off.seen"
    deliveries "$work/messages" --state held --limit 100 >"$work/held.json"

    judge NT-1 "$work/on.seen" "$work/on.jsonl" src/sinks/snapshots/bellwire__sinks__tests__bodies_ntfy.snap
    passed NT-1 "a subscriber reads every recorded event in the reviewed wording, with priority, tags, link, icon and buttons"
    judge NT-2 "$work/on.seen" "$work/on.jsonl" "$work/off.seen" "$work/off.jsonl"
    passed NT-2 "$events events, hostile ones too, are messages of at most 4,095 bytes with attachments on and off"
    judge NT-3 "$work/on.jsonl" "$work/off.jsonl"
    passed NT-3 "cut between characters; the largest body stays below 8,192 bytes with every field at its longest"
    judge NT-4 "$work/wrong.jsonl" 401 "$work/anonymous.jsonl" 403 "$work/held.json"
    passed NT-4 "token and password are accepted; a wrong token (401) and none (403) suspend after one request"
    judge NT-9 "$work/off.seen" "$work/off.jsonl"
    passed NT-9 "a server below a path works, with and without a slash at the end"
}

# A server that is gone, and one that cannot write, which it says with 500.
outages() {
    start_ntfy mortal
    local at=$server with=$token mortal=$ntfy_pid locker
    : >"$work/few.jsonl"
    serve_events "$work/few.jsonl"
    mkdir "$work/outages"
    {
        head_of "$feed"
        sink phone "$at" mortal "token = \"$with\"" 'retry = { initial = "200ms", factor = 1.5 }' 'timeout = "10s"'
        printf '[[rules]]\nname = "all"\nto = ["phone"]\n'
    } >"$work/outages/config.toml"
    start_bellwire "$work/outages"
    event() { printf '{"type":"tp_hit","data":{"symbol":"%s"}}\n' "$1" >>"$work/few.jsonl"; }
    seen() { read_topic "$at" "$with" mortal | grep -q "$1"; }
    waits() { deliveries "$work/outages" --state waiting | grep -q "$1"; }
    event FIRST
    until_ready "the first message" seen FIRST
    kill "$mortal"; wait "$mortal" 2>/dev/null || true
    event SECOND
    until_ready "an attempt at a server that is gone" waits refused || { deliveries "$work/outages"; return 1; }
    run_ntfy mortal "$at"
    until_ready "the second message" seen SECOND
    python3 "$parts/ntfy_judge.py" lock "$work/mortal/cache.db" &
    locker=$!
    pids+=("$locker")
    until_ready "the lock" test -e "$work/mortal/cache.db.locked"
    event THIRD
    until_ready "an answer of 500" waits '"status": *500' || { deliveries "$work/outages"; return 1; }
    kill "$locker"; wait "$locker" 2>/dev/null || true
    until_ready "the third message" seen THIRD
    read_topic "$at" "$with" mortal >"$work/mortal.seen"
    judge NT-10 "$work/mortal.seen"
    passed NT-10 "after a stopped server, and after a 500 of one that cannot write, the message arrives"
}

# One notification for each trade; an old server takes no notice of it and shows each message.
updates() {
    start_ntfy updates
    by_user updates
    local at=$server with=$token
    for number in 1 2 3 4; do
        for trade in plain-1 "ü/a b"; do
            printf '{"type":"tp_hit","data":{"trade_id":"%s","symbol":"N%s"}}\n' "$trade" "$number"
        done
    done >"$work/updates.jsonl"
    serve_events "$work/updates.jsonl"
    mkdir "$work/updating"
    {
        head_of "$feed"
        sink phone "$at" living "token = \"$with\""
        printf '[[rules]]\nname = "living"\nto = ["phone"]\nupdate = "data.trade_id"\n'
    } >"$work/updating/config.toml"
    start_bellwire "$work/updating"
    all_seen() { [ "$(read_topic "$at" "$with" living | grep -c '"event":"message"')" -ge 8 ]; }
    until_ready "every message" all_seen || { tail -n 5 "$work/updating/bellwire.log"; return 1; }
    read_topic "$at" "$with" living >"$work/updates.seen"
    judge NT-6 "$work/updates.seen" "$version"
    passed NT-6 "all messages of a trade have one sequence id, in the order of the events"
}

# The configuration is refused before anything is sent.
mistakes() {
    mkdir "$work/mistakes"
    wrong() { # wrong STATUS LINE [TOPIC WORDS]
        { sink phone http://127.0.0.1:1 "${3:-alerts}" "$2"; printf '[sources.x]\nkind = "sse"\nurl = "http://127.0.0.1:1/"\n'
          printf '[[rules]]\nname = "all"\nto = ["phone"]\n'; } >"$work/mistakes/config.toml"
        local status=0
        "$bellwire" check --config "$work/mistakes/config.toml" >"$work/mistakes/out" 2>&1 || status=$?
        [ "$status" = "$1" ] && { [ "$status" = 0 ] || grep -q "$4" "$work/mistakes/out"; } \
            || { cat "$work/mistakes/out"; fail "NT-8: status $status, not $1, for topic ${3:-alerts} and $2"; }
    }
    wrong 0 'priority = 5'
    wrong 2 'priority = 6' alerts 'a whole number from 1 to 5'
    wrong 2 'priority = 0' alerts 'a whole number from 1 to 5'
    wrong 2 'priority = 5' 'two words' 'this is no topic'
    wrong 2 'priority = 5' 'docs' 'keeps for itself'
    wrong 2 'priority = 5' "$(printf 'x%.0s' $(seq 65))" 'this is no topic'
    passed NT-8 "a topic or a priority that ntfy would refuse is a mistake in the configuration"
}

"$4"
