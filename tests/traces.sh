#!/usr/bin/env bash
# Steps of events as a collector gets them, read by OpenTelemetry's own messages in Python, and held against the
# `traceparent` that receivers got. Builds the program with the feature `otlp`. Skips, loudly, where the messages cannot
# be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl
install_python "$work/python" opentelemetry-proto==1.38.0 || skip "OpenTelemetry's messages cannot be had"
cargo build --locked --features otlp
bellwire=${CARGO_TARGET_DIR:-target}/debug/bellwire

grep '"tp_hit"' tests/fixtures/events.jsonl >"$work/events.jsonl"
hits=$(lines "$work/events.jsonl")
serve_events "$work/events.jsonl"
start_receiver "$work/exported.jsonl"
export OTEL_EXPORTER_OTLP_ENDPOINT=$receiver OTEL_EXPORTER_OTLP_HEADERS=x-key=abc OTEL_BSP_SCHEDULE_DELAY=200
start_receiver "$work/received.jsonl" --refuse 2
mkdir "$work/bridge"
cat >"$work/bridge/config.toml" <<T
data_dir = "data"
[http]
listen = "off"
$(source_of "$feed")
[sinks.one]
kind = "webhook"
url = "$receiver/one"
signature = "none"
retry = { initial = "200ms", factor = 1.0 }
[sinks.two]
kind = "webhook"
url = "$receiver/two"
signature = "none"
retry = { initial = "200ms", factor = 1.0 }
[[rules]]
name = "all"
to = ["one", "two"]
T
start_bellwire "$work/bridge"
arrived() { [ "$(lines "$work/received.jsonl")" -ge $((2 * hits + 2)) ]; }
until_ready "every attempt" arrived || { tail "$work/bridge/bellwire.log"; fail "the deliveries"; }
kill -TERM "$bridge"
wait "$bridge" || fail "it did not end as told"

"$work/python/bin/python" - "$work" "$hits" <<'P' || fail "see above"
import base64, json, sys
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
work, hits = sys.argv[1], int(sys.argv[2])
read = lambda name: [json.loads(line) for line in open(f"{work}/{name}")]
events, attempts = {}, {}
for one in read("exported.jsonl"):
    assert (one["method"], one["path"]) == ("POST", "/v1/traces") and one["headers"]["x-key"] == "abc", one
    for group in ExportTraceServiceRequest.FromString(base64.b64decode(one["body"])).resource_spans:
        about = {pair.key: pair.value.string_value for pair in group.resource.attributes}
        assert about["service.name"] == "bellwire" and about["service.version"], about
        for span in (span for scope in group.scope_spans for span in scope.spans):
            assert span.start_time_unix_nano <= span.end_time_unix_nano, span
            kept = {"event": events, "attempt": attempts}[span.name]
            assert span.span_id not in kept, f"twice: {span}"
            kept[span.span_id] = span
field = lambda span, key: next(pair.value for pair in span.attributes if pair.key == key)
told = [span for span in events.values() if field(span, "source").string_value == "ttmt"]
assert len(told) == hits, f"{len(told)} events instead of {hits}"
for span in told:
    assert field(span, "event.type").string_value == "tp_hit" and field(span, "deliveries").int_value == 2, span
    assert not span.parent_span_id and span.kind == Span.SPAN_KIND_CONSUMER, span
received = read("received.jsonl")
assert len(attempts) == len(received) == 2 * hits + 2, (len(attempts), len(received))
for one in received:
    _, trace, step, _ = one["headers"]["traceparent"].split("-")
    span = attempts[bytes.fromhex(step)]
    assert span.trace_id.hex() == trace == events[span.parent_span_id].trace_id.hex(), (one, span)
    assert field(span, "delivery.id").string_value == one["headers"]["webhook-id"] and span.kind == Span.SPAN_KIND_CLIENT, span
    assert field(span, "sink").string_value == one["path"].strip("/") and field(span, "status").int_value == one["status"], span
    failed = one["status"] == 500
    assert (span.status.code == Status.STATUS_CODE_ERROR, field(span, "outcome").string_value) == (failed, "retry" if failed else "delivered"), span
print(f"{len(told)} events, {len(attempts)} attempts, each below its event and named by the traceparent that its receiver got")
P
echo "a collector gets every step"
