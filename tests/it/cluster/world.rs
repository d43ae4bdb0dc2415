//! Several instances with one queue between one upstream and some receivers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bellwire::simulator::ttmt::{Options, Request};
use serde_json::Value;
use tokio::time::{Instant, interval, timeout};

use super::receivers::{Arrivals, RULES, SINKS, payload, tables};
use super::server::Schema;
use crate::harness::{Bridge, Phones, Upstream, feed, soon};

/// How long the backlog may take when the last event has been sent.
const DRAIN: Duration = Duration::from_mins(8);

/// All of it.
pub(super) struct World {
    pub(super) upstream: Upstream,
    pub(super) schema: Schema,
    pub(super) instances: Vec<Bridge>,
    arrivals: Vec<Arrivals>,
    _phones: Phones,
}

/// Where an instance is.
pub(super) struct Place {
    /// Where it reaches the queue.
    pub(super) queue: String,
    /// The words that it is started behind, if there are any.
    pub(super) wrapper: Vec<String>,
}

/// Who follows the source: which instance that is here, and on the server.
pub(super) struct Leader {
    pub(super) at: usize,
    pub(super) id: String,
}

impl World {
    /// So many instances as there are addresses for them to reach the queue at; they are started one after another,
    /// so that the first one has everything at first.
    pub(super) async fn start(schema: Schema, addresses: &[String]) -> Self {
        let place = |queue: &String| Place {
            queue: queue.clone(),
            wrapper: Vec::new(),
        };
        let places: Vec<Place> = addresses.iter().map(place).collect();
        Self::start_at(Ipv4Addr::LOCALHOST, schema, &places).await
    }

    /// The same with the instances at these places, and the upstream and the receivers at an address.
    pub(super) async fn start_at(host: Ipv4Addr, schema: Schema, places: &[Place]) -> Self {
        let host = SocketAddr::from((host, 0));
        let options = Options {
            // What the upstream has forgotten is not what this is about.
            buffer: 100_000,
            ..Options::default()
        };
        let upstream = Upstream::at(host, options).await;
        let phones = Phones::at(host).await;
        let arrivals = SINKS.map(|sink| Arrivals::at(&phones, sink)).to_vec();
        let config = config("off", &upstream, &phones, &schema);
        let mut instances = Vec::new();
        for place in places {
            let wrapper: Vec<&str> = place.wrapper.iter().map(String::as_str).collect();
            let instance = Bridge::new(&config).env("QUEUE", &place.queue);
            let mut instance = instance.wrapped(&wrapper);
            instance.start();
            instances.push(instance);
            soon("somebody who listens", upstream.handle.heard()).await;
        }
        Self {
            upstream,
            schema,
            instances,
            arrivals,
            _phones: phones,
        }
    }

    /// Sends these events, one after the other.
    pub(super) async fn feed(&self, numbers: std::ops::RangeInclusive<u64>, pause: Duration) {
        feed(&self.upstream, numbers.map(payload).collect(), pause).await;
    }

    /// Waits until each instance serves something, so that nothing changes hands by itself any more.
    pub(super) async fn shared_out(&self) {
        let served = "SELECT count(DISTINCT holder) FROM leases WHERE duty LIKE 'sink %' AND until > clock_timestamp()";
        self.comes_to("sinks to be shared out", served, self.instances.len())
            .await;
    }

    /// Waits until a count in the queue is what it should be.
    pub(super) async fn comes_to(&self, what: &str, sql: &str, wanted: usize) {
        let mut look = interval(Duration::from_millis(50));
        soon(what, async {
            while self.schema.count(sql).await != wanted {
                look.tick().await;
            }
        })
        .await;
    }

    /// Waits until an instance serves a sink again.
    pub(super) async fn serves_again(&self, leader: &Leader) {
        let serves = format!(
            "SELECT least(count(*), 1) FROM leases WHERE holder = '{}' AND duty LIKE 'sink %' AND until > clock_timestamp()",
            leader.id
        );
        self.comes_to("it to serve a sink again", &serves, 1).await;
    }

    /// All that came of the events, as one value.
    pub(super) async fn digest(&self) -> String {
        let all = "SELECT md5(string_agg(row, E'\\n' ORDER BY row)) FROM (
            SELECT CAST(s AS TEXT) FROM sources s UNION ALL SELECT CAST(e AS TEXT) FROM events e WHERE source = 'ttmt'
            UNION ALL SELECT CAST(d AS TEXT) FROM deliveries d UNION ALL SELECT CAST(a AS TEXT) FROM attempts a
        ) AS it (row)";
        self.schema.value(all).await
    }

    /// Who follows the source, while nobody takes that over.
    pub(super) async fn leader(&self) -> Leader {
        let streams = self.streams().len();
        let mut look = interval(Duration::from_millis(20));
        let at = soon("the log of the last connection", async {
            loop {
                let mut told = Vec::new();
                for (at, instance) in self.instances.iter().enumerate() {
                    told.extend(connections(instance).into_iter().map(|time| (time, at)));
                }
                if told.len() == streams {
                    break told.into_iter().max().expect("a connection").1;
                }
                look.tick().await;
            }
        })
        .await;
        let id = "SELECT holder FROM leases WHERE duty = 'source ttmt'";
        let id = self.schema.value(id).await;
        Leader { at, id }
    }

    /// The streams that were opened so far.
    pub(super) fn streams(&self) -> Vec<Request> {
        let mut streams = self.upstream.stream_requests();
        streams.retain(|request| request.status == Some(200));
        streams
    }

    /// Waits for the next stream after so many, and tells how long that took since a moment.
    pub(super) async fn opened_again(&self, streams: usize, since: Instant) -> Duration {
        let known = self.streams()[streams - 1].number;
        let is_next = |request: &Request| {
            let opened = request.route().ends_with("/stream") && request.status == Some(200);
            opened && request.number > known
        };
        let next = soon(
            "somebody else's stream",
            self.upstream.handle.request(is_next),
        );
        next.await.at.duration_since(since)
    }

    /// How many deliveries of each sink are in flight.
    pub(super) async fn in_flight(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        for sink in SINKS {
            let count =
                format!("SELECT count(*) FROM deliveries WHERE sink = '{sink}' AND state = 1");
            counts.push(self.schema.count(&count).await);
        }
        counts
    }

    /// Waits until all of so many events are in the queue and nothing of them waits or is in flight.
    pub(super) async fn drained(&self, events: u64) {
        let state = "SELECT (SELECT count(*) FROM events WHERE source = 'ttmt'),
            (SELECT count(*) FROM deliveries WHERE state = 0), (SELECT count(*) FROM deliveries WHERE state = 1)";
        let wanted = [events.to_string(), "0".to_owned(), "0".to_owned()];
        let mut last = Vec::new();
        let drained = async {
            let mut look = interval(Duration::from_millis(200));
            while last != [wanted.to_vec()] {
                look.tick().await;
                last = self.schema.rows(state).await;
            }
        };
        if timeout(DRAIN, drained).await.is_err() {
            panic!("never drained: events, waiting and in flight are {last:?}");
        }
    }

    /// Judges all that came of so many events; answers how many repeats there were at each sink.
    pub(super) async fn judge(&self, events: u64) -> Vec<usize> {
        let once =
            "SELECT count(*), count(DISTINCT id), min(CAST(id AS BIGINT)), max(CAST(id AS BIGINT))
            FROM events WHERE source = 'ttmt'";
        let last = events.to_string();
        let wanted = [vec![last.clone(), last.clone(), "1".to_owned(), last]];
        let kept = self.schema.rows(once).await;
        assert_eq!(kept, wanted, "every event, and each once");
        let unknown = "SELECT count(*) FROM deliveries WHERE state <> 2";
        let other = self.schema.count(unknown).await;
        assert_eq!(other, 0, "nothing is dead, nothing is forgotten");
        let streams = self.streams();
        for pair in streams.windows(2) {
            let closed = pair[0].closed.expect("a stream before another");
            assert!(closed <= pair[1].at, "two streams at once: {pair:#?}");
        }
        let mut repeats = Vec::new();
        for arrivals in &self.arrivals {
            repeats.push(arrivals.judge(&self.schema, events).await);
        }
        repeats
    }

    /// How often the upstream has refused a stream because there was one already.
    pub(super) fn conflicts(&self) -> usize {
        let requests = self.upstream.stream_requests();
        let conflicts = requests
            .iter()
            .filter(|request| request.status == Some(409));
        conflicts.count()
    }

    /// Ends everything properly, and leaves nothing behind.
    pub(super) async fn end(mut self) {
        for instance in &self.instances {
            instance.signal("TERM");
        }
        for instance in &mut self.instances {
            assert!(instance.ended().await.success(), "a proper end");
        }
        self.schema.remove().await;
    }
}

/// The configuration of every instance, with an address for its page.
pub(super) fn config(
    listen: &str,
    upstream: &Upstream,
    phones: &Phones,
    schema: &Schema,
) -> String {
    format!(
        "http.listen = \"{listen}\"\nlog.level = \"info,bellwire::store=debug\"\n{}backfill = false\n{}{RULES}[store]\nurl = {{ env = \"QUEUE\" }}\nschema = \"{}\"\n",
        upstream.source(),
        tables(phones),
        schema.name
    )
}

/// When an instance has had a stream, by its log.
fn connections(instance: &Bridge) -> Vec<String> {
    let log = instance.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let times = lines
        .filter(|line| line["message"] == "connected")
        .filter_map(|line| Some(line["timestamp"].as_str()?.to_owned()));
    times.collect()
}
