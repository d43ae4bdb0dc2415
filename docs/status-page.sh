#!/usr/bin/env bash
# Makes the picture of the status page anew, docs/src/status-page.png, from the real program: a simulated market, four
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
        refuses = self.path == "/automation" and b'"trade_opened"' in body and not Receiver.refused
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
"$bellwire" simulate ttmt --listen "127.0.0.1:$upstream" --rate 4 --seed 3 >"$work/upstream.log" 2>&1 &
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
[sinks.chat]
kind = "telegram"
server = "http://127.0.0.1:$receiver"
token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5"
chat_id = 1
[sinks.automation]
kind = "webhook"
url = "http://127.0.0.1:$receiver/automation"
signature = "none"
rate_limit = "off"
[[rules]]
name = "take-profit"
events = ["tp_hit"]
to = ["phone", "team", "automation"]
[[rules]]
name = "results"
events = ["trade_finalized"]
to = ["phone", "chat"]
[[rules]]
name = "journal"
events = ["trade_*", "order_*"]
to = ["automation"]
C
start_bellwire "$work"
ready() { curl -fsS "http://127.0.0.1:$page/readyz" | python3 -c "$1"; }
lively='import json, sys
state = json.load(sys.stdin)
sinks = state["sinks"]
sys.exit(not (sinks["automation"]["dead"] == 1 and all(sinks[name]["delivered"] > 2 for name in sinks)))'
patience=1800 until_ready "a lively page" ready "$lively" || { ready 'print(__import__("sys").stdin.read())'; fail "the page"; }

chromium --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars --force-device-scale-factor=1 \
    --user-data-dir="$work/chromium" --window-size="${WIDTH:-1200},${HEIGHT:-1010}" --timeout=5000 \
    --screenshot="$work/status-page.png" "http://127.0.0.1:$page/" >"$work/chromium.log" 2>&1 || fail "Chromium makes no picture"
size=$(stat -c %s "$work/status-page.png")
[ "$size" -lt 200000 ] || fail "the picture has $size bytes"
cp "$work/status-page.png" docs/src/status-page.png
echo "docs/src/status-page.png: $size bytes"
