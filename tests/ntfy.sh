#!/usr/bin/env bash
# The whole way to a phone, judged by somebody else's program: the simulated upstream, the real bridge, and a real ntfy
# server from Debian's packages, read back the way a subscriber would. Skips, loudly, where the package cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
skip() { echo "SKIPPED: $*"; exit 0; }

# Unpacks the newest ntfy that Debian has for one of its suites, without touching the machine's own packages.
unpack_ntfy() {
    local suite=$1 mirror
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || return 1
    rm -rf "$work/apt"
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/apt/sources.list"
    local options=(-q
        -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache::archives=$work/apt/archives"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none)
    apt-get "${options[@]}" update >/dev/null 2>&1 || return 1
    (cd "$work/apt" && apt-get "${options[@]}" download ntfy >/dev/null 2>&1 && dpkg-deb -x ntfy_*.deb "$work/ntfy")
}

command -v apt-get >/dev/null && command -v curl >/dev/null && command -v python3 >/dev/null \
    || skip "needs apt-get, curl and python3"
unpack_ntfy sid || unpack_ntfy trixie || skip "no ntfy package can be had"
ntfy=$work/ntfy/usr/bin/ntfy
"$ntfy" --help >/dev/null 2>&1 || skip "the ntfy program does not run here"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
until_ready() { # until_ready WHAT COMMAND...
    local what=$1; shift
    for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    echo "$what did not get ready"; exit 1
}

port=$(free_port)
cat >"$work/server.yml" <<Y
base-url: "http://127.0.0.1:$port"
listen-http: "127.0.0.1:$port"
cache-file: "$work/cache.db"
auth-file: "$work/auth.db"
auth-default-access: "deny-all"
attachment-cache-dir: "$work/attachments"
web-root: "disable"
Y
"$ntfy" serve --config "$work/server.yml" >"$work/ntfy.log" 2>&1 &
pids+=($!)
until_ready "ntfy" curl -fsS "http://127.0.0.1:$port/v1/health"
NTFY_PASSWORD=pw "$ntfy" user --config "$work/server.yml" add bridge >/dev/null 2>&1
"$ntfy" access --config "$work/server.yml" bridge alerts read-write >/dev/null 2>&1
token=$("$ntfy" token --config "$work/server.yml" add bridge 2>&1 | grep -oE 'tk_[A-Za-z0-9]+' | head -n 1)
[ -n "$token" ] || { echo "ntfy gave no token"; exit 1; }

cargo build --release --locked
upstream=$(free_port)
target/release/bellwire simulate ttmt --listen "127.0.0.1:$upstream" --key ttmt_live_check \
    --rate 20 --script tests/fixtures/events.jsonl >"$work/upstream.log" 2>&1 &
pids+=($!)
until_ready "the simulator" curl -fsS -H "Authorization: Bearer ttmt_live_check" "http://127.0.0.1:$upstream/api/v1/accounts"

cat >"$work/config.toml" <<T
data_dir = "data"
[http]
listen = "off"
[sources.ttmt]
kind = "ttmt"
api_key = "ttmt_live_check"
base_url = "http://127.0.0.1:$upstream/api/v1"
[sinks.phone]
kind = "ntfy"
server = "http://127.0.0.1:$port"
topic = "alerts"
token = { env = "NTFY_TOKEN" }
rate_limit = "off"
[[rules]]
name = "take-profit"
events = ["tp_hit"]
to = ["phone"]
T
NTFY_TOKEN=$token target/release/bellwire run --config "$work/config.toml" >"$work/bellwire.log" 2>&1 &
pids+=($!)

# The recorded stream has four hits of a target; each must be there once, as a subscriber reads it.
for _ in $(seq 300); do
    curl -fsS -H "Authorization: Bearer $token" "http://127.0.0.1:$port/alerts/json?poll=1" >"$work/seen.jsonl" || true
    [ "$(grep -c . "$work/seen.jsonl")" -ge 4 ] && break
    sleep 0.1
done
cat "$work/seen.jsonl"
python3 - "$work/seen.jsonl" tests/fixtures/events.jsonl <<'P' || { tail -n 20 "$work/bellwire.log"; exit 1; }
import json, sys
seen = [json.loads(line) for line in open(sys.argv[1])]
sent = [json.loads(line) for line in open(sys.argv[2])]
hits = [event["data"] for event in sent if event["type"] == "tp_hit"]
assert len(seen) == len(hits), f"{len(seen)} messages for {len(hits)} hits"
for message, hit in zip(sorted(seen, key=lambda m: m["title"]), sorted(hits, key=lambda h: (h["tp_level"], h["realized_pl"]))):
    title = message["title"]
    assert f"TP{hit['tp_level']} hit" in title and hit["symbol"] in title, title
    assert f"{hit['realized_pl']:+.2f} {hit['currency']}" in title, title
    assert "attachment" not in message, message
P
echo "a real ntfy ($(dpkg-deb -f "$work"/apt/ntfy_*.deb Version)) holds every take-profit once, worded as intended"
