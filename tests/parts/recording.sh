# Every recorded and every hostile event, through the real program, to one sink of each kind and form; what the sinks
# were sent is written down once for all who judge it. Sourced after common.sh.

# 24 bytes each; the first is the newer one.
new_secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
old_secret=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD

webhook_sink() { # webhook_sink NAME SIGNATURE BODY
    cat <<T
[sinks.$1]
kind = "webhook"
url = "$receiver/hook/$1"
secret = ["$new_secret", "$old_secret"]
signature = "$2"
body = "$3"
rate_limit = "off"
T
}

# Sets sent (the events, one a line) and recording (the requests, one a line). A sink's name is the last word of its path.
record_everything() {
    sent=$work/sent.jsonl recording=$work/recording.jsonl
    { cat tests/fixtures/events.jsonl; python3 tests/hostile.py; } >"$sent"
    start_receiver "$recording"
    serve_events "$sent"
    mkdir "$work/bridge"
    {
        echo 'data_dir = "data"'
        echo '[http]'
        echo 'listen = "off"'
        source_of "$feed"
        webhook_sink standard standard event
        webhook_sink github github event
        webhook_sink stripe stripe event
        webhook_sink cloudevents standard cloudevents
        webhook_sink canonical standard canonical
        for name in discord discord-worded; do
            printf '[sinks.%s]\nkind = "discord"\nurl = "%s"\nrate_limit = "off"\n' "$name" "$receiver/api/webhooks/1/$name"
        done
        for name in slack slack-worded; do
            printf '[sinks.%s]\nkind = "slack"\nurl = "%s"\nrate_limit = "off"\n' "$name" "$receiver/services/T0/B0/$name"
        done
        cat <<'T'
[[rules]]
name = "all"
to = ["standard", "github", "stripe", "cloudevents", "canonical", "discord", "slack"]
[[rules]]
name = "all, in the words of templates"
to = ["discord-worded", "slack-worded"]
title = "{{ data.symbol }} {{ event.type }}"
message = "{{ data.error }}\n{{ data.comment }}"
T
    } >"$work/bridge/config.toml"
    start_bellwire "$work/bridge"
    local expected=$((9 * $(lines "$sent")))
    recorded() { [ "$(lines "$recording")" -ge "$expected" ]; }
    patience=1200 until_ready "every delivery" recorded || {
        tail -n 20 "$work/bridge/bellwire.log"
        fail "$(lines "$recording") of $expected requests"
    }
    kill -TERM "$bridge" && wait "$bridge"
    [ "$(lines "$recording")" = "$expected" ] || fail "$(lines "$recording") requests, not $expected: something was repeated"
    echo "$(lines "$sent") events gave $expected requests, one each, none repeated"
}
