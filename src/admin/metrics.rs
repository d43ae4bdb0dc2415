//! What Prometheus reads: counters since the start, and how things stand at this moment.
//!
//! The names follow its conventions: base units, `_total` behind what only grows. Every label has few
//! values: names of the configuration, words of ours, and as many event types as are counted apart.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet, prometheus_text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

#[cfg(test)]
use super::openapi::{NoQueue, NoToken};
use super::{Parts, Setup, problem, standing};
use crate::model::{INTERNAL_SOURCE, Name, State as DeliveryState};
use crate::status::{SinkStatus, Snapshot, SourceStatus};
use crate::store::Depths;

/// What waits, in each way of waiting.
const OPEN: [DeliveryState; 2] = [DeliveryState::Waiting, DeliveryState::InFlight];

/// All counts and how things stand, for Prometheus.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    responses(
        (status = 200, description = "Text in Prometheus' own format.", body = String, content_type = "text/plain"),
        NoToken,
        NoQueue,
    ),
))]
pub(super) async fn show(State(parts): State<Arc<Parts>>) -> Response {
    let snapshot = parts.status.snapshot();
    let setup = Arc::clone(&parts.setup.borrow());
    let scrape = Scrape {
        setup,
        now: parts.clock.now(),
        depths: match parts.store.depths().await {
            Ok(depths) => depths,
            Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        },
        snapshot,
    };
    let mut registry = Registry::with_prefix("bellwire");
    registry.register_collector(Box::new(scrape));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a string takes all text");
    let headers = [
        (header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// Everything that one answer is made of.
#[derive(Debug)]
struct Scrape {
    setup: Arc<Setup>,
    snapshot: Snapshot,
    depths: Depths,
    now: Timestamp,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.instance(&mut out)?;
        self.sources(&mut out)?;
        self.sinks(&mut out)?;
        self.queue(&mut out)
    }
}

impl Scrape {
    fn instance(&self, out: &mut Out<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let all = &self.snapshot;
        out.gauges("build_info", "Which program this is", [(version, 1.0)])?;
        out.gauge(
            "ready",
            "Whether an alert would get through now",
            all.obstacles(self.now).is_empty(),
        )?;
        out.gauge(
            "store_writable",
            "Whether the queue can be written",
            all.store_fault.is_none(),
        )?;
        let dropped = [(NONE, all.notices_dropped)];
        out.counters(
            "notices_dropped",
            "What bellwire had to say about itself and found no place for",
            dropped,
        )?;
        let heartbeat = all.heartbeat.as_ref();
        let failing = heartbeat.and_then(|it| flag(it.failure.is_some()));
        out.gauges(
            "heartbeat_failing",
            "Whether the heartbeat did not arrive the last time",
            failing.map(|failing| (NONE, failing)),
        )?;
        let taken = heartbeat.and_then(|it| it.last_taken);
        out.gauges(
            "heartbeat_last_taken_timestamp_seconds",
            "When the heartbeat last arrived",
            taken.map(|taken| (NONE, seconds(taken))),
        )?;
        let failed = self.setup.rules.all().iter().map(|rule| {
            let count = all.expression_failures.get(&rule.name);
            ([("rule", &*rule.name)], count.copied().unwrap_or_default())
        });
        out.counters(
            "expression_failures",
            "Conditions and keys of rules that could not be worked out",
            failed,
        )
    }

    fn sources(&self, out: &mut Out<'_>) -> fmt::Result {
        let sources = &self.snapshot.sources;
        let types = sources.iter().flat_map(|(name, source)| {
            let types = source.types.iter();
            types.map(|(kind, count)| ([("source", name.as_str()), ("type", kind)], count))
        });
        let internal = self.snapshot.internal.iter();
        let internal =
            internal.map(|(kind, count)| ([("source", INTERNAL_SOURCE), ("type", kind)], count));
        out.counters("events", "Events taken in", types.chain(internal))?;
        let mut count = |name, help, count: fn(&SourceStatus) -> u64| {
            let each = sources.iter();
            out.counters(
                name,
                help,
                each.map(|(name, source)| (of("source", name), count(source))),
            )
        };
        count(
            "events_backfilled",
            "Events that were found over REST",
            |source| source.backfilled,
        )?;
        count(
            "events_repeated",
            "Replays that were recognised",
            |source| source.repeated,
        )?;
        count("events_skipped", "Events that were too large", |source| {
            source.skipped
        })?;
        count(
            "events_undecodable",
            "Events that could not be read",
            |source| source.undecodable,
        )?;
        count(
            "source_connections",
            "Connections that were opened",
            |source| source.connects,
        )?;
        let mut show = |name, help, value: fn(&SourceStatus) -> Option<f64>| {
            let each = sources.iter();
            let each = each.filter_map(|(name, source)| Some((of("source", name), value(source)?)));
            out.gauges(name, help, each)
        };
        show("source_connected", "Whether the stream is open", |source| {
            flag(source.connected)
        })?;
        show(
            "source_faulty",
            "Whether the source needs a person, such as for its key",
            |source| flag(source.fault.is_some()),
        )?;
        show(
            "source_last_event_timestamp_seconds",
            "When the last event arrived",
            |source| source.last_event.map(seconds),
        )?;
        show(
            "source_requests_left",
            "Requests that the upstream still takes in this minute",
            |source| source.requests_left.map(f64::from),
        )
    }

    fn sinks(&self, out: &mut Out<'_>) -> fmt::Result {
        let sinks = &self.snapshot.sinks;
        let by_word = |label, words: &'static [(&'static str, Count)]| {
            sinks.iter().flat_map(move |(name, sink)| {
                let words = words.iter();
                words.map(move |(word, count)| {
                    ([("sink", name.as_str()), (label, *word)], count(sink))
                })
            })
        };
        let outcomes = by_word(
            "outcome",
            &[
                ("delivered", |sink| sink.delivered),
                ("dead", |sink| sink.dead),
                ("expired", |sink| sink.expired),
                ("throttled", |sink| sink.throttled),
                ("merged", |sink| sink.merged),
            ],
        );
        out.counters(
            "deliveries",
            "Deliveries that have come to an end",
            outcomes,
        )?;
        let outcomes = by_word(
            "outcome",
            &[
                ("accepted", |sink| sink.delivered),
                ("failed", |sink| sink.failed),
            ],
        );
        out.counters(
            "attempts",
            "Requests that were made for deliveries",
            outcomes,
        )?;
        let each = sinks.iter();
        out.counters(
            "template_failures",
            "Deliveries of which a template failed, so that the built-in wording went out",
            each.map(|(name, sink)| (of("sink", name), sink.template_failures)),
        )?;
        let help = "From the time of an event until its delivery was accepted";
        let mut durations = out.family("delivery_seconds", help, MetricType::Histogram)?;
        for (name, sink) in sinks {
            let durations_of = &sink.durations;
            let buckets: Vec<_> = durations_of.buckets().collect();
            durations
                .encode_family(&of("sink", name))?
                .encode_histogram::<NoLabelSet>(
                    durations_of.sum(),
                    durations_of.total(),
                    &buckets,
                    None,
                )?;
        }
        let mut show = |name, help, value: fn(&SinkStatus) -> Option<f64>| {
            let each = sinks.iter();
            let each = each.filter_map(|(name, sink)| Some((of("sink", name), value(sink)?)));
            out.gauges(name, help, each)
        };
        show("sink_suspended", "Whether the sink is suspended", |sink| {
            flag(sink.suspended.is_some())
        })?;
        show(
            "sink_away",
            "Whether nothing gets through to the sink",
            |sink| flag(sink.away_since.is_some()),
        )?;
        show(
            "sink_failed_in_a_row",
            "Attempts that failed since the last one that did not",
            |sink| Some(f64::from(sink.failed_in_a_row)),
        )?;
        show(
            "sink_last_delivery_timestamp_seconds",
            "When a delivery was last accepted",
            |sink| sink.last_delivered.map(seconds),
        )
    }

    fn queue(&self, out: &mut Out<'_>) -> fmt::Result {
        let standing = standing(&self.snapshot);
        let none = Default::default();
        // A sink without deliveries has a depth of nothing, not an unknown one.
        let idle = self
            .snapshot
            .sinks
            .keys()
            .filter(|sink| !self.depths.by_sink.contains_key(*sink));
        let all = self
            .depths
            .by_sink
            .iter()
            .chain(idle.map(|sink| (sink, &none)));
        let all: Vec<_> = all.collect();
        let open = all.iter().flat_map(|(sink, counts)| {
            OPEN.map(|state| {
                let count = counts.get(state.as_str()).copied().unwrap_or_default();
                let shown = standing.shown(state, sink);
                (
                    [("sink", sink.as_str()), ("state", shown.as_str())],
                    number(count),
                )
            })
        });
        out.gauges("queue_depth", "Deliveries that are not yet at an end", open)?;
        let dead = all.iter().map(|(sink, counts)| {
            let count = counts
                .get(DeliveryState::Dead.as_str())
                .copied()
                .unwrap_or_default();
            (of("sink", sink), number(count))
        });
        out.gauges("dead_letters", "Dead letters that are kept", dead)?;
        let oldest = all.iter().map(|(sink, _)| {
            let since = self.depths.oldest_waiting.get(*sink);
            let age = since.map(|since| self.now.duration_since(*since).as_secs_f64());
            (of("sink", sink), age.unwrap_or_default().max(0.0))
        });
        out.gauges(
            "oldest_waiting_seconds",
            "How long the delivery that has waited longest is in the queue, 0 where none waits",
            oldest,
        )
    }
}

/// What a counter of a sink reads.
type Count = fn(&SinkStatus) -> u64;

/// No labels.
const NONE: [(&str, &str); 0] = [];

/// The one label of a source or a sink.
fn of<'a>(label: &'static str, name: &'a Name) -> [(&'static str, &'a str); 1] {
    [(label, name.as_str())]
}

fn flag(value: bool) -> Option<f64> {
    Some(f64::from(u8::from(value)))
}

fn seconds(moment: Timestamp) -> f64 {
    moment.as_duration().as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a queue has far less than 2^53 rows"
)]
const fn number(count: u64) -> f64 {
    count as f64
}

/// Writes one metric after the other.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Counter)?;
        values.into_iter().try_for_each(|(labels, value)| {
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, f64>(&value, None)
        })
    }

    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Gauge)?;
        values
            .into_iter()
            .try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    fn gauge(&mut self, name: &str, help: &str, value: bool) -> fmt::Result {
        self.gauges(name, help, flag(value).map(|value| (NONE, value)))
    }
}
