#!/usr/bin/env bash
# A real broker: Mosquitto from Debian's packages, encrypted and with an access list. A subscriber gets each event once,
# Home Assistant's announcement stays for whoever comes later, and what the broker refuses is not taken for a success.
# Skips, loudly, where the packages cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl openssl
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip "needs apt-get and root"
command -v mosquitto >/dev/null && command -v mosquitto_sub >/dev/null || {
    apt-get update -q >/dev/null 2>&1 && apt-get install -y -q --no-install-recommends mosquitto mosquitto-clients >/dev/null 2>&1
} || skip "no mosquitto package can be had"
build_bellwire

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$work/ca.key" -out "$work/ca.crt" -subj "/CN=a home" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout "$work/broker.key" -out "$work/broker.csr" -subj "/CN=localhost" 2>/dev/null
printf 'subjectAltName=DNS:localhost\n' >"$work/extensions"
openssl x509 -req -in "$work/broker.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
    -extfile "$work/extensions" -out "$work/broker.crt" 2>/dev/null

port=$(free_port)
mosquitto_passwd -c -b "$work/passwords" bridge pw1 2>/dev/null
mosquitto_passwd -b "$work/passwords" home pw2 2>/dev/null
cat >"$work/access" <<A
user bridge
topic readwrite alerts/#
topic write homeassistant/#
user home
topic read #
A
cat >"$work/mosquitto.conf" <<M
user root
listener $port 127.0.0.1
cafile $work/ca.crt
certfile $work/broker.crt
keyfile $work/broker.key
password_file $work/passwords
acl_file $work/access
allow_anonymous false
M
chmod 600 "$work/passwords" "$work/access"
mosquitto -c "$work/mosquitto.conf" >"$work/mosquitto.log" 2>&1 &
pids+=($!)
listen() { # listen COUNT TOPIC: messages as JSON, their user properties included
    timeout 60 mosquitto_sub -V 5 -h localhost -p "$port" --cafile "$work/ca.crt" -u home -P pw2 -q 1 -C "$1" -t "$2" -F '%j'
}
until_ready "the broker" mosquitto_pub -V 5 -h localhost -p "$port" --cafile "$work/ca.crt" -u bridge -P pw1 -t alerts/hello -m hello

cp tests/fixtures/events.jsonl "$work/sent.jsonl"
expected=$(lines "$work/sent.jsonl")
listen "$expected" alerts/phone >"$work/heard.jsonl" &
listener=$!
listening() { grep -q "Sending SUBACK" "$work/mosquitto.log" || grep -q 'u.home' "$work/mosquitto.log"; }
until_ready "the subscriber" listening
serve_events "$work/sent.jsonl"
mkdir "$work/bridge"
sink() { # sink NAME TOPIC PASSWORD
    cat <<T
[sinks.$1]
kind = "mqtt"
url = "mqtts://localhost:$port"
topic = "$2"
username = "bridge"
password = "$3"
ca = { file = "$work/ca.crt" }
T
}
{
    echo 'data_dir = "data"'
    printf '[http]\nlisten = "off"\n'
    source_of "$feed"
    sink phone alerts/phone pw1
    sink elsewhere elsewhere/phone pw1
    sink stranger alerts/phone pw3
    printf '[[rules]]\nname = "all"\nto = ["phone"]\n'
    printf '[[rules]]\nname = "refused"\nevents = ["tp_hit"]\nto = ["elsewhere", "stranger"]\n'
} >"$work/bridge/config.toml"
start_bellwire "$work/bridge"
wait "$listener" || { tail -n 20 "$work/bridge/bellwire.log" "$work/mosquitto.log"; fail "$(lines "$work/heard.jsonl") of $expected messages"; }
suspended() { [ "$(grep -c 'the sink is suspended' "$work/bridge/bellwire.log")" -ge 2 ]; }
until_ready "the refused sinks to be suspended" suspended || { tail -n 20 "$work/bridge/bellwire.log"; fail "a refusal passed for something else"; }
listen 1 'homeassistant/event/+/config' >"$work/announced.jsonl"
kill -TERM "$bridge" && wait "$bridge"
"$bellwire" queue list --json --config "$work/bridge/config.toml" >"$work/queue.json"

python3 - "$work" <<'P' || fail "see above"
import collections, json, sys
work = sys.argv[1]
sent = [json.loads(line) for line in open(f"{work}/sent.jsonl", encoding="utf-8")]
heard = [json.loads(line) for line in open(f"{work}/heard.jsonl", encoding="utf-8")]
bodies = [json.loads(message["payload"]) for message in heard]
told = lambda event: (event["type"], json.dumps(event.get("data"), sort_keys=True))
assert collections.Counter(map(told, bodies)) == collections.Counter(map(told, sent)), "not each event once"
assert len({body["webhook_id"] for body in bodies}) == len(sent), "a message came twice"
for message, body in zip(heard, bodies):
    assert body["webhook_id"] in json.dumps(message["properties"]), message
    assert message["properties"]["content-type"] == "application/json" and not message["retain"], message
announced = json.loads(json.loads(open(f"{work}/announced.jsonl", encoding="utf-8").read())["payload"])
assert announced["state_topic"] == "alerts/phone" or announced["state_topic"] == "elsewhere/phone", announced
unknown = {body["event_type"] for body in bodies} - set(announced["event_types"])
assert not unknown, f"never announced: {unknown}"
queue = json.load(open(f"{work}/queue.json", encoding="utf-8"))
refused = {}
for delivery in queue:
    if delivery["sink"] in ("elsewhere", "stranger"):
        assert delivery["state"] in ("waiting", "held"), delivery
        if delivery["last"]:
            refused[delivery["sink"]] = delivery["last"]["status"]
assert refused.get("elsewhere") == 135 and refused.get("stranger") in (134, 135), refused
print(f"{len(heard)} messages for {len(sent)} events; a topic that the list forbids: {refused['elsewhere']}, a wrong password: {refused['stranger']}")
P
echo "a real Mosquitto ($(mosquitto -h | head -n 1)) passes each event on once and its refusals suspend"
