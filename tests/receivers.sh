#!/usr/bin/env bash
# The receivers of deploy/receivers in plain Node and plain Python, and bellwire's own verdict: events of a simulated
# market arrive signed and are acted on once each; what is tampered with, old or repeated is not. Skips, loudly, where
# there is no Node.
. "$(dirname "$0")/parts/common.sh"

command -v node >/dev/null || apt-get install -y -q nodejs >/dev/null 2>&1 || true
command -v python3 >/dev/null || apt-get install -y -q python3 >/dev/null 2>&1 || true
needs python3 curl node
build_bellwire

export WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
port=$(free_port)
"$bellwire" simulate ttmt --listen "127.0.0.1:$port" --rate 20 --json >"$work/simulator.json" 2>"$work/simulator.log" &
pids+=($!)
simulated() { [ -s "$work/simulator.json" ]; }
until_ready "the simulator" simulated

start_own() { # start_own LANGUAGE COMMAND...; sets the variable LANGUAGE to its address
    local name=$1 port; shift
    port=$(free_port)
    "$@" "$port" >"$work/$name.acted" 2>"$work/$name.log" &
    pids+=($!)
    until_ready "the receiver in $name" curl -sS -o /dev/null "http://127.0.0.1:$port/"
    printf -v "$name" '%s' "http://127.0.0.1:$port"
}
start_own node node deploy/receivers/receiver.mjs
start_own python python3 deploy/receivers/receiver.py
# Each is reached through somebody who writes down what it was sent and what it said.
for name in node python; do
    start_receiver "$work/$name.jsonl" --to "${!name}"
    printf -v "${name}_recorded" '%s' "$receiver"
done

mkdir "$work/bridge"
value() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/simulator.json" "$1"; }
cat >"$work/bridge/config.toml" <<T
data_dir = "data"
[http]
listen = "off"
[sources.ttmt]
kind = "ttmt"
base_url = "$(value base_url)"
api_key = "$(value api_key)"
[sinks.node]
kind = "webhook"
url = "$node_recorded/hook"
secret = { env = "WEBHOOK_SECRET" }
rate_limit = "off"
[sinks.python]
kind = "webhook"
url = "$python_recorded/hook"
secret = { env = "WEBHOOK_SECRET" }
rate_limit = "off"
[[rules]]
name = "all"
to = ["node", "python"]
T
start_bellwire "$work/bridge"
many() { [ "$(lines "$work/node.jsonl")" -ge 30 ] && [ "$(lines "$work/python.jsonl")" -ge 30 ]; }
until_ready "thirty deliveries to each" many || { tail -n 5 "$work"/*.log "$work/bridge/bellwire.log"; exit 1; }
kill -TERM "$bridge" && wait "$bridge"

for name in node python; do
    python3 "$parts/receivers.py" "$work/$name.jsonl" "$work/$name.acted" "${!name}" "$bellwire" || fail "the receiver in $name"
done
