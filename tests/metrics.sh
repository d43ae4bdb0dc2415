#!/usr/bin/env bash
# What Prometheus makes of bellwire's metrics: its own linter and server, the parser of its Python library, and its unit
# tests of the alert rules. The feed has 10,000 event types, which must not become 10,000 series. Skips, loudly, where
# Prometheus cannot be had.
. "$(dirname "$0")/parts/common.sh"

needs python3 curl
[ -x /usr/bin/promtool ] && debian="" || {
    debian=$work/prometheus
    unpack_debian bookworm prometheus "$debian" || skip "no prometheus package can be had"
}
promtool=$debian/usr/bin/promtool
install_python "$work/python" prometheus-client==0.23.1 || skip "the Python library of Prometheus cannot be had"
build_bellwire

cp deploy/prometheus/alerts.yml "$parts/alerts_test.yml" "$work/"
"$promtool" check rules "$work/alerts.yml" || fail "the alert rules"
(cd "$work" && "$promtool" test rules alerts_test.yml) || fail "the alert rules' tests"

python3 - "$work/events.jsonl" <<'P'
import json, sys
with open(sys.argv[1], "w") as out:
    for number in range(10_000):
        event = {"type": f"type_{number}\"\\\n", "timestamp": "2026-06-11T09:00:00.000Z", "data": {"number": number}}
        print(json.dumps(event), file=out)
P
serve_events "$work/events.jsonl"
start_receiver "$work/received.jsonl"
port=$(free_port)
mkdir "$work/bridge"
cat >"$work/bridge/config.toml" <<T
data_dir = "data"
[http]
listen = "127.0.0.1:$port"
$(source_of "$feed")
[sinks.it]
kind = "webhook"
url = "$receiver/hook"
signature = "none"
rate_limit = "off"
[[rules]]
name = "few"
when = "data.number < 5"
to = ["it"]
T
start_bellwire "$work/bridge"
metrics="http://127.0.0.1:$port/metrics"
taken() { [ "$(curl -fsS "$metrics" | grep '^bellwire_events_total{source="ttmt"' | awk '{ sum += $NF } END { print sum }')" = 10000 ]; }
delivered() { curl -fsS "$metrics" | grep -qF 'bellwire_deliveries_total{sink="it",outcome="delivered"} 5'; }
patience=1200 until_ready "every event" taken || { curl -sS "$metrics"; fail "the events"; }
until_ready "every delivery" delivered || fail "the deliveries"

curl -fsS "$metrics" >"$work/metrics"
"$promtool" check metrics <"$work/metrics" || fail "Prometheus' linter complains"
"$work/python/bin/python" - "$work/metrics" <<'P' || fail "see above"
import sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(open(sys.argv[1], encoding="utf-8").read()))
samples = {}
for family in families:
    assert family.documentation and family.type != "unknown", family
    for sample in family.samples:
        samples.setdefault(sample.name, []).append(sample)
events = [sample for sample in samples["bellwire_events_total"] if sample.labels["source"] == "ttmt"]
assert len(events) == 101 and sum(sample.value for sample in events) == 10_000, len(events)
assert {sample.labels["type"] for sample in events} > {"other", 'type_0"\\\n'}, events[:3]
buckets = [sample.value for sample in samples["bellwire_delivery_seconds_bucket"]]
assert buckets == sorted(buckets) and buckets[-1] == 5, buckets
print(f"{len(families)} metrics, {sum(map(len, samples.values()))} series, of these {len(events)} for 10,000 event types")
P

prometheus_port=$(free_port)
cat >"$work/prometheus.yml" <<Y
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [alerts.yml]
scrape_configs: [{ job_name: bellwire, static_configs: [{ targets: ["127.0.0.1:$port"] }] }]
Y
"$debian/usr/bin/prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address="127.0.0.1:$prometheus_port" --web.console.libraries= --web.console.templates= >"$work/prometheus.log" 2>&1 &
pids+=($!)
asked() { curl -fsS --data-urlencode "query=$1" "http://127.0.0.1:$prometheus_port/api/v1/query" | grep -qF "$2"; }
until_ready "the scrape" asked 'sum(bellwire_events_total{source="ttmt"})' '"10000"]' || { tail "$work/prometheus.log"; fail "no scrape"; }
asked 'bellwire_ready' '"1"]' || fail "Prometheus does not see that it is ready"

# The dashboard asks for nothing that there is not, and the book tells of what there is.
python3 - deploy/grafana/bellwire.json "$work/metrics" docs/src/metrics.md <<'P' || fail "the dashboard or the book"
import json, re, sys
board = json.load(open(sys.argv[1]))
known = set(re.findall(r"^(bellwire_\w+)", open(sys.argv[2]).read(), re.M))
asked = set(re.findall(r"bellwire_\w+", " ".join(target["expr"] for panel in board["panels"] for target in panel.get("targets", []))))
assert asked and asked <= known, asked - known
written = set(re.findall(r"bellwire_\w+", open(sys.argv[3], encoding="utf-8").read().split("## Metrics")[1].split("## ")[0]))
families = set(re.findall(r"^# TYPE (\w+)", open(sys.argv[2]).read(), re.M))
assert written == families, written ^ families
print(f"the dashboard's {len(board['panels'])} panels ask for {len(asked)} metrics, all there")
P
echo "Prometheus $("$debian/usr/bin/prometheus" --version 2>&1 | awk 'NR == 1 { print $3 }') reads every metric"
