#!/usr/bin/env bash
# A real receiver that runs commands: the program `webhook` from Debian's packages, which checks GitHub's signature.
# Each event runs the command once, with its own words; a wrong secret runs none, and the delivery is tried again.
# Skips, loudly, where the package cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl
unpack_debian bookworm webhook "$work/webhook" || unpack_debian trixie webhook "$work/webhook" \
    || skip "no webhook package can be had"
webhook=$work/webhook/usr/bin/webhook
"$webhook" -version >/dev/null 2>&1 || skip "the webhook program does not run here"
build_bellwire

secret="a secret with spaces"
cat >"$work/run" <<'C'
#!/bin/sh
echo "$2 $3 $4 $5" >>"$1"
C
chmod +x "$work/run"
hook() { # hook NAME
    cat <<J
{"id": "$1", "execute-command": "$work/run", "command-working-directory": "$work",
 "pass-arguments-to-command": [
    {"source": "string", "name": "$work/$1.ran"}, {"source": "header", "name": "Webhook-Id"},
    {"source": "payload", "name": "type"}, {"source": "payload", "name": "eventId"}, {"source": "payload", "name": "data.symbol"}],
 "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": "$secret",
    "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}}}
J
}
echo "[$(hook right), $(hook wrong)]" >"$work/hooks.json"
port=$(free_port)
"$webhook" -hooks "$work/hooks.json" -ip 127.0.0.1 -port "$port" -verbose >"$work/webhook.log" 2>&1 &
pids+=($!)
until_ready "webhook" curl -sS "http://127.0.0.1:$port/"

grep '"symbol"' tests/fixtures/events.jsonl >"$work/sent.jsonl"
serve_events "$work/sent.jsonl"
start_receiver "$work/requests.jsonl" --to "http://127.0.0.1:$port"
mkdir "$work/bridge"
sink() { # sink NAME SECRET
    cat <<T
[sinks.$1]
kind = "webhook"
url = "$receiver/hooks/$1"
signature = "github"
secret = "$2"
rate_limit = "off"
retry = { initial = "100ms" }
T
}
{
    echo 'data_dir = "data"'
    printf '[http]\nlisten = "off"\n'
    source_of "$feed"
    sink right "$secret"
    sink wrong "another secret"
    printf '[[rules]]\nname = "all"\nto = ["right"]\n'
    printf '[[rules]]\nname = "one"\nwhen = "data.symbol == \\"NAS100\\""\nevents = ["trade_finalized"]\nto = ["wrong"]\n'
} >"$work/bridge/config.toml"
start_bellwire "$work/bridge"

expected=$(lines "$work/sent.jsonl")
ran() { [ "$(lines "$work/right.ran")" -ge "$expected" ]; }
tried_again() { [ "$(grep -c '/hooks/wrong.*"status": 500' "$work/requests.jsonl")" -ge 3 ]; }
{ until_ready "a command for each event" ran && until_ready "another try with the wrong secret" tried_again; } || {
    tail -n 5 "$work/webhook.log" "$work/bridge/bellwire.log"
    fail "$(lines "$work/right.ran") commands for $expected events"
}
kill -TERM "$bridge" && wait "$bridge"

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$parts python3 - "$work" <<'P' || fail "see above"
import json, os, sys
from read_recording import read
work = sys.argv[1]
sent = [json.loads(line) for line in open(f"{work}/sent.jsonl", encoding="utf-8")]
ran = [line.split() for line in open(f"{work}/right.ran", encoding="utf-8")]
requests = read(f"{work}/requests.jsonl")
ids = {request.id: json.loads(request.body)["eventId"] for request in requests if request.sink == "right"}
expected = sorted((event["type"], event["eventId"], event["data"]["symbol"]) for event in sent)
assert sorted((kind, int(number), symbol) for _, kind, number, symbol in ran) == expected, "other commands ran"
assert all(ids[identity] == int(number) for identity, _, number, _ in ran), "an id of another event"
assert not os.path.exists(f"{work}/wrong.ran"), "a command ran that nobody signed for"
wrong = [request for request in requests if request.sink == "wrong"]
assert len({request.id for request in wrong}) == 1 and {request.status for request in wrong} == {500}, "not tried again"
print(f"{len(ran)} commands for {len(sent)} events; the wrong secret was refused {len(wrong)} times with 500 and ran none")
P
echo "a real webhook $(cat "$work/webhook.version") accepts the signature and runs each command once"
