//! Sources and sinks are shared evenly among the instances that want them, whoever comes and goes.

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;
use crate::store::Duty;

const SOURCES: usize = 7;
const SINKS: usize = 8;

/// Longest wait for duties to change hands.
const SOON: Duration = Duration::from_secs(60);

/// Nothing changes hands any more when nothing has for so long: every instance has looked several times.
const SETTLED: Duration = Duration::from_secs(4);

/// Some sources and sinks, by their numbers.
fn duties(sources: usize, sinks: usize) -> Vec<Duty> {
    let sources = (1..=sources).map(|number| Duty::Source(name(&format!("s{number}"))));
    let sinks = (1..=sinks).map(|number| Duty::Sink(name(&format!("t{number}"))));
    sources.chain(sinks).collect()
}

/// One that wants some duties, and does each for as long as it has it.
struct Instance {
    store: Store,
    leave: CancellationToken,
    works: JoinSet<()>,
}

impl Instance {
    async fn joins(address: &str, folder: &TempDir, duties: Vec<Duty>) -> Self {
        let store = joins(address, folder).await;
        let leave = CancellationToken::new();
        let mut works = JoinSet::new();
        for duty in duties {
            let (store, leave) = (store.clone(), leave.clone());
            works.spawn(async move {
                let work = |_, ended: CancellationToken| async move { ended.cancelled().await };
                let clock = Clock::system();
                store.on_duty(duty, &clock, leave, |_| {}, work).await;
            });
        }
        Self {
            store,
            leave,
            works,
        }
    }

    async fn leaves(self) {
        self.leave.cancel();
        self.works.join_all().await;
        self.store.close().await;
    }
}

/// How many sources and how many sinks each instance has, from the most to the fewest.
async fn shares(client: &Client) -> [Vec<i64>; 2] {
    let shares = "SELECT count(l.duty) FILTER (WHERE l.duty LIKE 'source %'), count(l.duty) FILTER (WHERE l.duty LIKE 'sink %')
         FROM instances i LEFT JOIN leases l ON l.holder = i.id AND l.until > clock_timestamp() GROUP BY i.id";
    let rows = client.query(shares, &[]).await.expect("reads");
    [0, 1].map(|kind| {
        let mut counts: Vec<i64> = rows.iter().map(|row| row.get(kind)).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        counts
    })
}

/// Waits until the shares are these, and checks that they stay so.
async fn come_to(client: &Client, expected: [&[i64]; 2]) {
    let (mut look, mut last) = (interval(Duration::from_millis(50)), Default::default());
    let looking = async {
        while last != expected.map(<[i64]>::to_vec) {
            look.tick().await;
            last = shares(client).await;
        }
    };
    let in_time = tokio::time::timeout(SOON, looking).await;
    assert!(in_time.is_ok(), "{last:?} instead of {expected:?}");
    let changes = "SELECT CAST(sum(fence) AS BIGINT) FROM leases";
    let changes = async || -> i64 {
        let row = client.query_one(changes, &[]).await.expect("reads");
        row.get(0)
    };
    let (before, since) = (changes().await, Instant::now());
    while since.elapsed() < SETTLED {
        look.tick().await;
    }
    assert_eq!(changes().await, before, "something wanders");
    assert_eq!(shares(client).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_and_goes_each_has_as_many_as_another_or_one_more() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let all = || duties(SOURCES, SINKS);
    let first = Instance::joins(&address, &folder, all()).await;
    let client = beside(&address, &folder).await;
    come_to(&client, [&[7], &[8]]).await;
    let second = Instance::joins(&address, &folder, all()).await;
    come_to(&client, [&[4, 3], &[4, 4]]).await;
    let third = Instance::joins(&address, &folder, all()).await;
    come_to(&client, [&[3, 2, 2], &[3, 3, 2]]).await;
    first.leaves().await;
    come_to(&client, [&[4, 3], &[4, 4]]).await;
    third.leaves().await;
    second.leaves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_to_have_no_sink_does_not_keep_others_from_sharing_them() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let first = Instance::joins(&address, &folder, duties(1, SINKS)).await;
    let client = beside(&address, &folder).await;
    come_to(&client, [&[1], &[8]]).await;
    let without = Instance::joins(&address, &folder, duties(1, 0)).await;
    come_to(&client, [&[1, 0], &[8, 0]]).await;
    // It has a sink of its own besides, so that the one that has none has fewer.
    let second = Instance::joins(&address, &folder, duties(1, SINKS + 1)).await;
    come_to(&client, [&[1, 0, 0], &[5, 4, 0]]).await;
    for instance in [first, without, second] {
        instance.leaves().await;
    }
}
