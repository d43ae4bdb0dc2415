#!/usr/bin/env bash
# Home Assistant behind a broker, run by hand and no part of .ci/run: it installs up to 1 GB and takes minutes. Nothing there
# says that bellwire exists; the event entity has to appear by itself, before anything has happened, and has to take each
# event once. The stream of state changes is the witness, because a state read back shows only the last of them. Skips,
# loudly, where Home Assistant or Mosquitto cannot be had.
. "$(dirname "$0")/parts/common.sh"
. "$parts/home_assistant.sh"

needs python3 curl
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip "needs apt-get and root"
command -v mosquitto >/dev/null && command -v mosquitto_pub >/dev/null || {
    apt-get update -q >/dev/null 2>&1 && apt-get install -y -q --no-install-recommends mosquitto mosquitto-clients >/dev/null 2>&1
} || skip "no mosquitto package can be had"
install_home_assistant || skip "Home Assistant cannot be had"
build_bellwire

broker=$(free_port)
mosquitto_passwd -c -b "$work/passwords" bridge pw1 2>/dev/null
mosquitto_passwd -b "$work/passwords" home pw2 2>/dev/null
chmod 600 "$work/passwords"
cat >"$work/mosquitto.conf" <<M
user root
listener $broker 127.0.0.1
password_file $work/passwords
allow_anonymous false
log_type notice
log_type subscribe
M
mosquitto -c "$work/mosquitto.conf" >"$work/mosquitto.log" 2>&1 &
pids+=($!)
publish() { mosquitto_pub -h 127.0.0.1 -p "$broker" -u bridge -P pw1 -q 1 "$@"; }
until_ready "the broker" publish -t hello -m hello

port=$(free_port)
home="http://127.0.0.1:$port"
mkdir "$work/home"
# Without default_config, which would look for everything in the house; `event` comes with the first entity of its kind.
cat >"$work/home/configuration.yaml" <<Y
http:
  server_host: 127.0.0.1
  server_port: $port
api:
config:
onboarding:
logger:
  default: warning
Y
"${hass[@]}" -c "$work/home" >"$work/home.log" 2>&1 &
pids+=($!)
logs() { tail -n 20 "$work"/*.log "$work"/bridge/*.log 2>/dev/null; }
give_up() { logs; fail "$@"; }
patience=3000 until_ready "Home Assistant" curl -fsS "$home/api/onboarding" || give_up "no Home Assistant"

# What a person does in a browser: the first user, then the integration, by the same requests.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
post() { curl -sS --fail-with-body -H 'content-type: application/json' "${@:3}" -d "$2" "$home$1"; } # post PATH JSON [OPTION...]
first_user="{\"client_id\":\"$home/\",\"name\":\"A\",\"username\":\"a\",\"password\":\"a password\",\"language\":\"en\"}"
code=$(post /api/onboarding/users "$first_user" | field auth_code) || give_up "no first user"
token=$(curl -fsS -d grant_type=authorization_code --data-urlencode "client_id=$home/" -d "code=$code" "$home/auth/token" \
    | field access_token) || give_up "the first user may not in"
as_user=(-H "authorization: Bearer $token")
flows=/api/config/config_entries/flow
post $flows '{"handler":"mqtt"}' "${as_user[@]}" >"$work/form" && flow=$(field flow_id <"$work/form") || give_up "no flow for mqtt"
# It gives the broker five seconds, which may be too few here; the form comes back then, and takes another try.
settings="{\"broker\":\"127.0.0.1\",\"port\":$broker,\"username\":\"home\",\"password\":\"pw2\"}"
# The newer form has a part that wants to be there, with what it would show.
! grep -q other_settings "$work/form" || settings="${settings%\}},\"other_settings\":
    {\"set_client_cert\":false,\"set_ca_cert\":\"off\",\"transport\":\"tcp\"}}"
connected() {
    post "$flows/$flow" "$settings" "${as_user[@]}" >"$work/flow"
    [ "$(field type <"$work/flow")" = create_entry ]
}
patience=10 until_ready "the mqtt integration" connected || give_up "Home Assistant does not reach the broker: $(cat "$work/flow")"

curl -sSN "${as_user[@]}" "$home/api/stream?restrict=state_changed" >"$work/changes" 2>"$work/changes.log" &
pids+=($!)
until_ready "the stream of changes" grep -q ping "$work/changes"

: >"$work/sent.jsonl"
serve_events "$work/sent.jsonl"
mkdir "$work/bridge"
cat >"$work/bridge/config.toml" <<T
data_dir = "data"
[http]
listen = "off"
$(source_of "$feed")
[sinks.home]
kind = "mqtt"
url = "mqtt://127.0.0.1:$broker"
topic = "alerts/phone"
username = "bridge"
password = "pw1"
[[rules]]
name = "all"
to = ["home"]
T
start_bellwire "$work/bridge"

# The event entities that there are, one a line; newer releases have one of their own, for their backups.
states() {
    curl -fsS "${as_user[@]}" "$home/api/states" | python3 -c '
import json, sys
for state in json.load(sys.stdin):
    if state["entity_id"].startswith("event.") and state["entity_id"] != "event.backup_automatic_backup":
        print(json.dumps(state))'
}
appeared() { states >"$work/appeared" && [ -s "$work/appeared" ]; }
patience=600 until_ready "the event entity" appeared || give_up "the announcement makes no entity"
[ "$(lines "$work/appeared")" = 1 ] || give_up "more than one entity: $(cat "$work/appeared")"
# Home Assistant shows an entity up to a second before it asks the broker for its topic; what comes in between passes it by.
until_ready "its subscription" grep -q 'alerts/phone' "$work/mosquitto.log" || give_up "Home Assistant does not listen"

# Every state that an event entity has taken since the stream was opened, one a line; the last line may be half there.
taken() {
    python3 - "$work/changes" <<'P'
import json, sys
for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
    if line.startswith("data: {") and line.endswith("}\n"):
        change = json.loads(line.removeprefix("data: "))["data"]
        if change["entity_id"].startswith("event.") and change["entity_id"] != "event.backup_automatic_backup":
            print(json.dumps(change["new_state"]))
P
}
took() { taken >"$work/taken" && [ "$(lines "$work/taken")" -ge "$1" ]; } # took COUNT
grep '"tp_hit"' tests/fixtures/events.jsonl >>"$work/sent.jsonl"
hits=$(lines "$work/sent.jsonl")
until_ready "a state for each event" took $((1 + hits)) || give_up "took only $(cat "$work/taken")"
states >"$work/after_hits"

# A type without a wording, which Home Assistant was not told of.
echo '{"type":"weather_changed","timestamp":"2026-06-11T09:00:00.000Z","data":{"place":"Zürich \ud83d","degrees":-3.25}}' >>"$work/sent.jsonl"
until_ready "a state for the unknown event" took $((2 + hits)) || give_up "took only $(cat "$work/taken")"
states >"$work/after_unknown"
kill -TERM "$bridge" && wait "$bridge"
# What was sent twice is here before a message that is sent after it.
publish -t alerts/phone -m '{"event_type":"other","webhook_id":"the last one"}'
last_taken() { taken >"$work/taken" && grep -q 'the last one' "$work/taken"; }
until_ready "the last message" last_taken || give_up "the entity stopped listening"

python3 - "$work" <<'P' || give_up "see above"
import json, sys
work = sys.argv[1]
read = lambda name: [json.loads(line) for line in open(f"{work}/{name}", encoding="utf-8")]
sent, taken = read("sent.jsonl"), read("taken")
# Half a character is none, and takes nothing else with it.
sent[-1]["data"]["place"] = "Zürich \ufffd"
(appeared,), (after_hits,), (after_unknown,) = read("appeared"), read("after_hits"), read("after_unknown")
attributes = appeared["attributes"]
assert appeared["state"] == "unknown" and attributes["event_type"] is None, f"before the first event: {appeared}"
assert {"tp_hit", "other"} <= set(attributes["event_types"]) and "weather_changed" not in attributes["event_types"], appeared
assert all(state["entity_id"] == appeared["entity_id"] for state in taken), "not one entity throughout"
first, *told, _ = taken
assert first["state"] == "unknown", f"it began with {first}"
assert len(told) == len(sent), f"{len(told)} states for {len(sent)} events: {told}"
assert len({state["attributes"]["webhook_id"] for state in told}) == len(sent), f"an event came twice: {told}"
for state in told:
    attributes = state["attributes"]
    assert attributes["webhook_id"].startswith("msg_") and attributes["source"] == "ttmt", state
    assert attributes["title"] and isinstance(attributes["message"], str), state
    assert attributes["event_type"] == ("tp_hit" if attributes["type"] == "tp_hit" else "other"), state
# Nothing but the queue's priorities says in which order they come.
order = lambda pair: json.dumps(pair, sort_keys=True)
meant = sorted(([event["type"], event["data"]] for event in sent), key=order)
found = sorted(([state["attributes"]["type"], state["attributes"]["data"]] for state in told), key=order)
assert found == meant, f"not each event once: {found} instead of {meant}"
for state, kind in (after_hits, "tp_hit"), (after_unknown, "other"):
    assert state["state"] != "unknown" and state["attributes"]["event_type"] == kind, state
    assert state["attributes"]["webhook_id"] in {one["attributes"]["webhook_id"] for one in told}, state
print(f"{appeared['entity_id']} ({attributes['friendly_name']}): " + " | ".join(state["attributes"]["title"] for state in told))
P
! grep -E 'components\.(mqtt|event)' "$work/home.log" || fail "Home Assistant complains of what it was sent"
echo "in Home Assistant $("${hass[@]}" --version) an event entity appeared by itself and took each of $((1 + hits)) events once"
