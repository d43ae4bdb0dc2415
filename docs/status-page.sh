#!/usr/bin/env bash
# Makes the picture of the status page anew, docs/src/status-page.png, from the real program: a simulated market, three
# sinks, and a receiver that refuses one message for good. Needs Chromium.
. "$(dirname "$0")/../tests/parts/common.sh"

needs chromium python3 curl
build_bellwire

receiver=$(free_port)
cat >"$work/receiver.py" <<'P'
import http.server, json, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    refused = False
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        refuses = self.path == "/automation" and b'"trade_executed"' in body and not Receiver.refused
        Receiver.refused |= refuses
        answer = b'{"error": "unknown field `lots`"}' if refuses else b'{"id": "1"}'
        self.send_response(422 if refuses else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
P
python3 "$work/receiver.py" "$receiver" &
pids+=($!)
upstream=$(free_port)
"$bellwire" simulate ttmt --listen "127.0.0.1:$upstream" --rate 12 --seed 3 >"$work/upstream.log" 2>&1 &
pids+=($!)
page=$(free_port)
cat >"$work/config.toml" <<C
[http]
listen = "127.0.0.1:$page"
[sources.ttmt]
kind = "ttmt"
base_url = "http://127.0.0.1:$upstream/api/v1"
api_key = "ttmt_live_no-real-key-no-real-key-no-real-key-no-real"
[sinks.phone]
kind = "ntfy"
server = "http://127.0.0.1:$receiver"
topic = "alerts"
rate_limit = "off"
[sinks.team]
kind = "discord"
url = "http://127.0.0.1:$receiver/api/webhooks/1/token"
[sinks.automation]
kind = "webhook"
url = "http://127.0.0.1:$receiver/automation"
signature = "none"
rate_limit = "off"
[[rules]]
name = "take-profit"
events = ["tp_hit"]
to = ["phone", "automation"]
[[rules]]
name = "results"
events = ["trade_finalized"]
to = ["phone", "team"]
[[rules]]
name = "journal"
events = ["trade_*", "order_*", "position_closed"]
to = ["automation"]
C
start_bellwire "$work"
# Worth a picture: a dead letter, no sink without deliveries, and more to be seen than updates. Then the market stands still.
ask() { curl -sS "http://127.0.0.1:$page/$1" | python3 -c "import json, sys; state = json.load(sys.stdin); sys.exit(not ($2))"; }
lively() {
    ask readyz 'state["sinks"]["automation"]["dead"] == 1 and all(sink["delivered"] > 2 for sink in state["sinks"].values())' \
        && ask 'api/v1/events?limit=6' 'sum(event["type"] != "position_update" for event in state["data"]) > 3' \
        && curl -fsS -X POST -H 'Content-Type: application/json' -d '{"ms": 60000}' "http://127.0.0.1:$upstream/simulate/pause"
}
patience=900 until_ready "a lively page" lively || fail "the page"

chromium --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars --force-device-scale-factor=1 \
    --user-data-dir="$work/chromium" --window-size="${WIDTH:-1200},${HEIGHT:-1400}" --timeout=5000 \
    --screenshot="$work/status-page.png" "http://127.0.0.1:$page/" >"$work/chromium.log" 2>&1 || fail "Chromium makes no picture"
size=$(stat -c %s "$work/status-page.png")
[ "$size" -lt 200000 ] || fail "the picture has $size bytes"
cp "$work/status-page.png" docs/src/status-page.png
echo "docs/src/status-page.png: $size bytes"
