#!/usr/bin/env bash
# The API, held to its description by schemathesis: valid and invalid requests, chains of them, with and without the
# token, for a minute. Everything that the description offers is called, what drops and what sends too; only the stream,
# whose answer has no end, is not. Skips, loudly, where schemathesis cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl
install_python "$work/python" schemathesis==4.32.5 openapi-spec-validator==0.9.0 || skip "schemathesis cannot be had"
build_bellwire

description=deploy/openapi.json
"$work/python/bin/openapi-spec-validator" "$description" || fail "the description is no OpenAPI"

serve_events tests/fixtures/events.jsonl
start_receiver "$work/received.jsonl"
port=$(free_port)
mkdir "$work/bridge"
cat >"$work/bridge/config.toml" <<T
data_dir = "data"
[http]
listen = "127.0.0.1:$port"
token = "a-t0ken"
$(source_of "$feed")
[sinks.phone]
kind = "webhook"
url = "$receiver/hook"
signature = "none"
rate_limit = "off"
[sinks.gone]
kind = "webhook"
url = "http://127.0.0.1:9/"
signature = "none"
rate_limit = "off"
[[rules]]
name = "all"
to = ["phone", "gone"]
T
start_bellwire "$work/bridge"
api="http://127.0.0.1:$port"
token="Authorization: Bearer a-t0ken"
taken() { [ "$(curl -fsS -H "$token" "$api/api/v1/events?limit=100" | grep -o '"received"' | wc -l)" -ge "$(lines tests/fixtures/events.jsonl)" ]; }
until_ready "every event" taken || fail "the events"
curl -fsS -H "$token" "$api/api/v1/openapi.json" | cmp - "$description" || fail "another description is served"

# Ten wrong tokens a minute are answered with 401 and the others with 429, which `ignored_auth` does not expect.
judge() { # judge DESCRIPTION OPTION...
    local file=$1; shift
    (cd "$work" && "$work/python/bin/schemathesis" --config-file "$OLDPWD/$parts/schemathesis.toml" run "$file" --url "$api" \
        -H "$token" --checks all --exclude-checks ignored_auth --seed "${SEED:-1}" --no-color --exclude-operation-id live "$@")
}
judge "$PWD/$description" --max-time 60 || { tail "$work/bridge/bellwire.log"; fail "see above"; }
kill -0 "$bridge" || fail "the instance has ended"

# A judge that never finds anything is none.
sed 's/"has_more"/"has_less"/' "$description" >"$work/broken.json"
judge "$work/broken.json" --phases coverage --include-operation-id rules >"$work/broken.log" && fail "schemathesis accepts what is broken on purpose"
grep -q "has_less" "$work/broken.log" || fail "schemathesis finds something else than what is broken on purpose"
echo "the API keeps its description"
