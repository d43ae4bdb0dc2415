#!/usr/bin/env bash
# Home Assistant as a receiver, run by hand and no part of .ci/run: it installs up to 1 GB and takes minutes. The automation
# of deploy/receivers logs what it is told; it sees no headers, so the delivery's id must stand in the body. Skips, loudly,
# where Home Assistant cannot be had.
. "$(dirname "$0")/parts/common.sh"
. "$parts/home_assistant.sh"

needs python3 curl
install_home_assistant || skip "Home Assistant cannot be had"
build_bellwire

port=$(free_port)
mkdir "$work/home"
cat >"$work/home/configuration.yaml" <<Y
http:
  server_host: 127.0.0.1
  server_port: $port
webhook:
system_log:
logger:
  default: warning
Y
# The id of the webhook is the secret, so everybody has another one.
sed 's/change-me-to-something-nobody-guesses/take-profit/' deploy/receivers/home-assistant.yaml >>"$work/home/configuration.yaml"
"${hass[@]}" -c "$work/home" >"$work/home.log" 2>&1 &
pids+=($!)
heard() { [ "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/")" != 000 ]; }
started() { grep -q 'ACTED probe' "$work/home.log" || { curl -sS -H 'content-type: application/json' \
    -d '{"webhook_id":"probe","data":{}}' "http://127.0.0.1:$port/api/webhook/take-profit" && return 1; }; }
patience=3000 until_ready "Home Assistant" heard && patience=1200 until_ready "the automation" started \
    || { tail -n 20 "$work/home.log"; exit 1; }

grep '"tp_hit"' tests/fixtures/events.jsonl >"$work/sent.jsonl"
grep '"Prop 50K' tests/fixtures/events.jsonl | head -n 3 >>"$work/sent.jsonl"
serve_events "$work/sent.jsonl"
mkdir "$work/bridge"
cat >"$work/bridge/config.toml" <<T
data_dir = "data"
[http]
listen = "off"
$(source_of "$feed")
[sinks.home]
kind = "webhook"
url = "http://127.0.0.1:$port/api/webhook/take-profit"
signature = "none"
body = "canonical"
ordered = true
rate_limit = "off"
[[rules]]
name = "all"
to = ["home"]
T
start_bellwire "$work/bridge"
expected=$(lines "$work/sent.jsonl")
acted() { sed -n 's/^.*ACTED \(msg_.*\)$/\1/p' "$work/home.log"; }
all_acted() { [ "$(acted | grep -c '')" -ge "$expected" ]; }
until_ready "every automation" all_acted || { tail -n 20 "$work/home.log" "$work/bridge/bellwire.log"; exit 1; }
kill -TERM "$bridge" && wait "$bridge"
# A repeat of what came last, and something without an id, do nothing; the next one does.
say() { curl -sS -H 'content-type: application/json' -d "$1" "http://127.0.0.1:$port/api/webhook/take-profit"; }
say "{\"webhook_id\":\"$(acted | tail -n 1 | cut -d ' ' -f 1)\",\"type\":\"repeat\",\"data\":{}}"
say '{"type":"nameless","data":{}}'
say '{"webhook_id":"end","type":"end","data":{}}'
ended() { grep -q 'ACTED end end' "$work/home.log"; }
until_ready "the end" ended || { tail -n 20 "$work/home.log"; exit 1; }
! grep -q 'ACTED.*\(repeat\|nameless\)' "$work/home.log" || fail "it has acted on a repeat, or on something without an id"

[ "$(acted | cut -d ' ' -f 1 | sort -u | grep -c '')" = "$expected" ] || fail "not once for each delivery: $(acted)"
python3 - "$work/sent.jsonl" >"$work/meant" <<'P'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    print(event["type"], event["data"]["symbol"], event["data"]["account_label"])
P
acted | cut -d ' ' -f 2- | sort | diff - <(sort "$work/meant") || fail "the automation was told something else"
echo "Home Assistant $("${hass[@]}" --version) ran the automation once for each of $expected events"
