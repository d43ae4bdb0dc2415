#!/usr/bin/env bash
# Node-RED as a receiver, run by hand and no part of .ci/run: it installs 120 MB. The flow of deploy/receivers verifies the
# signature over the body as it came, another over what the parsed body prints as, which holds for `body = "canonical"`
# alone. Each event is acted on once. Skips, loudly, where Node-RED cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl node npm
install_npm "$work/npm" node-red@4.1.8 || skip "Node-RED cannot be had"
build_bellwire

secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
port=$(free_port)
mkdir "$work/node-red"
node "$parts/node_red_flow.mjs" deploy/receivers/node-red.json "$secret" "$work/parsed.acted" >"$work/node-red/flows.json"
cat >"$work/node-red/settings.js" <<J
module.exports = {uiHost: '127.0.0.1', uiPort: $port, flowFile: 'flows.json', httpAdminRoot: false, credentialSecret: false,
  functionGlobalContext: {crypto: require('crypto'), fs: require('fs')}};
J
WEBHOOK_SECRET=$secret "$work/npm/node_modules/.bin/node-red" -u "$work/node-red" >"$work/node-red.log" 2>&1 &
pids+=($!)
patience=600 until_ready "Node-RED" grep -q "Started flows" "$work/node-red.log" || { tail "$work/node-red.log"; exit 1; }

grep '"eventId"' tests/fixtures/events.jsonl >"$work/sent.jsonl"
serve_events "$work/sent.jsonl"
start_receiver "$work/requests.jsonl" --to "http://127.0.0.1:$port"
mkdir "$work/bridge"
sink() { # sink NAME PATH SECRET BODY
    printf '[sinks.%s]\nkind = "webhook"\nurl = "%s"\nsecret = "%s"\nbody = "%s"\nrate_limit = "off"\n' "$1" "$receiver/$2" "$3" "$4"
}
{
    printf 'data_dir = "data"\n[http]\nlisten = "off"\n'
    source_of "$feed"
    sink raw bellwire "$secret" event
    sink parsed parsed "$secret" canonical
    sink unsigned bellwire whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA event
    printf '[[rules]]\nname = "all"\nto = ["raw", "parsed"]\n'
    printf '[[rules]]\nname = "a wrong secret"\nevents = ["heartbeat"]\nto = ["unsigned"]\n'
} >"$work/bridge/config.toml"
start_bellwire "$work/bridge"
expected=$((2 * $(lines "$work/sent.jsonl")))
asked() { [ "$(lines "$work/requests.jsonl")" -ge $((expected + 1)) ]; }
until_ready "every delivery" asked || { tail -n 5 "$work/node-red.log" "$work/bridge/bellwire.log"; exit 1; }
kill -TERM "$bridge" && wait "$bridge"

# The flow says so in the log of Node-RED, the other one in its file.
acted() {
    sed -n 's/^.*ACTED \([^ ]*\) \([a-z_]*\)$/raw \1 \2/p' "$work/node-red.log"
    cat "$work/parsed.acted"
}
all_acted() { [ "$(acted | grep -c '')" -ge "$expected" ]; }
until_ready "every action" all_acted || fail "$(acted | grep -c '') of $expected were acted on"
acted >"$work/acted"
[ "$(sort -u "$work/acted" | grep -c '')" = "$(lines "$work/acted")" ] || fail "something was acted on twice"
[ "$(lines "$work/acted")" = "$expected" ] || fail "$(lines "$work/acted") of $expected were acted on"
grep -o '"type":"[a-z_]*"' "$work/sent.jsonl" | cut -d '"' -f 4 | sort >"$work/types"
for flow in raw parsed; do
    sed -n "s/^$flow [^ ]* //p" "$work/acted" | sort | cmp - "$work/types" || fail "other events were acted on ($flow)"
done
[ "$(grep -c '"status": 401' "$work/requests.jsonl")" = 1 ] || fail "the wrong secret was not refused"
# What is printed again is what was signed only where the body is canonical; a pretty one must be refused.
body='{ "type": "x", "n": 1.0 }' at=$(date +%s)
code=$(python3 - "$secret" "x.$at.$body" <<'P'
import base64, hashlib, hmac, sys
print(base64.b64encode(hmac.new(base64.b64decode(sys.argv[1][6:]), sys.argv[2].encode(), hashlib.sha256).digest()).decode())
P
)
answer() { # answer FLOW: the status for a body that is signed and not canonical
    curl -sS -o /dev/null -w '%{http_code}' -H "webhook-id: x" -H "webhook-timestamp: $at" -H "webhook-signature: v1,$code" \
        -H 'content-type: application/json' -d "$body" "http://127.0.0.1:$port/$1"
}
[ "$(answer bellwire)" = 204 ] && [ "$(answer parsed)" = 401 ] || fail "the flows do not tell a canonical body from another"
PYTHONDONTWRITEBYTECODE=1 python3 "$parts/refused.py" "$work/requests.jsonl" "http://127.0.0.1:$port/bellwire" "$secret" \
    || fail "see above"
# Two more than before: the body that is not canonical, and the last one of these.
last() { acted | grep -q ' msg_last '; }
until_ready "the last action" last
[ "$(acted | grep -c '')" = $((expected + 2)) ] || fail "something was acted on that was repeated or refused"
echo "Node-RED verified and acted once on $((expected / 2)) events as they came, and on as many parsed ones; a wrong secret got 401"
