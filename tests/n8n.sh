#!/usr/bin/env bash
# n8n as a receiver, run by hand and no part of .ci/run: it installs 2 GB and takes minutes. The workflow of
# deploy/receivers verifies the signature over the body as it came, and acts once on each event. Skips, loudly, where n8n
# cannot be had. N8N names a folder where it is installed already.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl node npm
# It needs a newer Node than most systems have. Its native modules but these two are for other services, and do not
# compile everywhere.
install_n8n() {
    npm_folder=${N8N:-$work/npm}
    [ -z "${N8N:-}" ] || return 0
    install_npm "$npm_folder" node@24 || return 1
    (cd "$npm_folder" && export PATH="$PWD/node_modules/.bin:$PATH" \
        && npm install --ignore-scripts --no-audit --no-fund --save-exact n8n@2.41.1 && npm rebuild sqlite3 isolated-vm) \
        >"$work/npm.log" 2>&1
}
install_n8n || skip "n8n cannot be had"
build_bellwire

export PATH="$npm_folder/node_modules/.bin:$PATH"
secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
port=$(free_port)
export WEBHOOK_SECRET=$secret NODE_FUNCTION_ALLOW_BUILTIN=crypto N8N_BLOCK_ENV_ACCESS_IN_NODE=false
export N8N_USER_FOLDER=$work/n8n N8N_PORT=$port N8N_LISTEN_ADDRESS=127.0.0.1 N8N_RUNNERS_BROKER_PORT=$(free_port)
export N8N_DIAGNOSTICS_ENABLED=false N8N_VERSION_NOTIFICATIONS_ENABLED=false CODE_ENABLE_STDOUT=true
mkdir "$work/n8n"
n8n import:workflow --input=deploy/receivers/n8n.json >"$work/n8n.log" 2>&1 \
    && n8n publish:workflow --id=bellwire00000001 >>"$work/n8n.log" 2>&1 || { tail "$work/n8n.log"; fail "the workflow"; }
n8n start >>"$work/n8n.log" 2>&1 &
pids+=($!)
patience=1800 until_ready "n8n" grep -q "Editor is now accessible" "$work/n8n.log" || { tail "$work/n8n.log"; exit 1; }

grep '"symbol"' tests/fixtures/events.jsonl | head -n 20 >"$work/sent.jsonl"
serve_events "$work/sent.jsonl"
start_receiver "$work/requests.jsonl" --to "http://127.0.0.1:$port"
mkdir "$work/bridge"
cat >"$work/bridge/config.toml" <<T
data_dir = "data"
[http]
listen = "off"
$(source_of "$feed")
[sinks.n8n]
kind = "webhook"
url = "$receiver/webhook/bellwire"
secret = "$secret"
ordered = true
rate_limit = "off"
[[rules]]
name = "all"
to = ["n8n"]
T
start_bellwire "$work/bridge"
expected=$(lines "$work/sent.jsonl")
asked() { [ "$(lines "$work/requests.jsonl")" -ge "$expected" ]; }
patience=1200 until_ready "every delivery" asked || { tail -n 5 "$work/n8n.log" "$work/bridge/bellwire.log"; exit 1; }
kill -TERM "$bridge" && wait "$bridge"

acted() { sed -n "s/^.*'ACTED \([^ ]* [a-z_]*\)'.*$/\1/p" "$work/n8n.log"; }
all_acted() { [ "$(acted | grep -c '')" -ge "$expected" ]; }
until_ready "every action" all_acted || { tail -n 20 "$work/n8n.log"; exit 1; }
PYTHONDONTWRITEBYTECODE=1 python3 "$parts/refused.py" "$work/requests.jsonl" "http://127.0.0.1:$port/webhook/bellwire" "$secret" \
    || fail "see above"
# What was refused or repeated had its answer, and what would follow it has had its time with this last one.
last() { acted | grep -q '^msg_last '; }
until_ready "the last action" last
acted | grep -v '^msg_last ' | cut -d ' ' -f 2 | sort \
    | diff - <(grep -o '"type":"[a-z_]*"' "$work/sent.jsonl" | cut -d '"' -f 4 | sort) || fail "it has acted on something else"
[ "$(acted | cut -d ' ' -f 1 | sort | uniq -d)" = "" ] || fail "it has acted twice on something"
echo "n8n $(n8n --version) verified and acted once on each of $expected events; a repeat, a changed body and an old one did nothing"
