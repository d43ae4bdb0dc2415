//! Who works on a queue that is shared, as each of them sees it, and what is done for those that are gone.

use tempfile::TempDir;

use super::*;
use crate::store::InstanceRow;

/// What an instance sees of all, once that is as expected.
async fn seen(store: &Store, is_so: impl Fn(&[InstanceRow]) -> bool) -> Vec<InstanceRow> {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let comes = async {
        loop {
            looks.tick().await;
            let rows = store.instances().await.expect("reads");
            if is_so(&rows) {
                return rows;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), comes).await;
    match in_time {
        Ok(rows) => rows,
        Err(_) => panic!("it is {:?}", store.instances().await),
    }
}

fn each<T>(rows: &[InstanceRow], what: impl Fn(&InstanceRow) -> T) -> Vec<T> {
    rows.iter().map(what).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sees_all_with_what_they_do_and_whose_configuration_is_another() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let first = joins(&address, &folder).await;
    let second = joins(&address, &folder).await;
    // One that has only begun, and has not said what it works with.
    let third = joins(&address, &folder).await;
    assert!(first.is_shared());
    first.describe("one");
    second.describe("two");
    let (_serving, _hold) = taken(&first).await;
    let client = beside(&address, &folder).await;
    let gone = "INSERT INTO instances (id, host, version, config, started, seen, wants) VALUES
         ('gone', 'elsewhere', '0', 'three', clock_timestamp() + INTERVAL '1 hour',
          clock_timestamp() - INTERVAL '5 seconds', '{}')";
    client.batch_execute(gone).await.expect("writes");

    let have_said = |rows: &[InstanceRow]| {
        let said = each(rows, |row| row.config.clone());
        said == ["one", "two", "", "three"]
    };
    let rows = seen(&first, have_said).await;
    assert_eq!(each(&rows, |row| row.is_own), [true, false, false, false]);
    assert_eq!(each(&rows, |row| row.is_gone), [false, false, false, true]);
    let differing = each(&rows, |row| row.differs);
    assert_eq!(differing, [false, true, false, false]);
    assert_eq!(rows[0].duties, ["sink phone"]);
    assert!(rows[1..].iter().all(|row| row.duties.is_empty()));
    let own = &rows[0];
    assert_eq!(own.version, env!("CARGO_PKG_VERSION"));
    let host = rustix::system::uname();
    assert_eq!(own.host, host.nodename().to_string_lossy());
    assert!(own.started <= own.seen);

    let rows = seen(&second, have_said).await;
    assert_eq!(each(&rows, |row| row.is_own), [false, true, false, false]);
    let differing = each(&rows, |row| row.differs);
    assert_eq!(differing, [true, false, false, false]);
    let rows = seen(&third, have_said).await;
    assert_eq!(each(&rows, |row| row.differs), [false; 4]);

    second.describe("one");
    let agree = |rows: &[InstanceRow]| rows[..2].iter().all(|row| row.config == "one");
    let rows = seen(&first, agree).await;
    assert_eq!(each(&rows, |row| row.differs), [false; 4]);
    second.close().await;
    let rows = seen(&first, |rows| rows.len() == 3).await;
    assert_eq!(each(&rows, |row| row.is_own), [true, false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_to_a_sink_that_nobody_serves_is_taken_back_with_the_upkeep() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let store = joins(&address, &folder).await;
    let two = batch(&["1"], &["phone", "team"]);
    store.accept(two).await.expect("accepts");
    let (serving, _hold) = taken(&store).await;
    assert_eq!(claim(&serving, "phone", now(), 9).await.len(), 1);
    assert_eq!(claim(&store, "team", now(), 9).await.len(), 1);
    let leases = store.leases.as_ref().expect("shared");
    let clock = Clock::system();
    let upkeep = store.lead(leases, &Duty::Upkeep, &clock).await;
    let (_upkeep, _hold) = upkeep.expect("takes it over");
    let rows = store.recent_deliveries(9).await.expect("reads");
    let mut states: Vec<_> = rows
        .iter()
        .map(|row| (row.sink.as_str(), row.state))
        .collect();
    states.sort_by_key(|(sink, _)| *sink);
    assert_eq!(
        states,
        [("phone", State::InFlight), ("team", State::Waiting)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_back_stays_free_although_who_had_it_lives_on() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let store = joins(&address, &folder).await;
    let (_serving, hold) = taken(&store).await;
    let has_it = |rows: &[InstanceRow]| rows[0].duties == ["sink phone"];
    let rows = seen(&store, has_it).await;
    drop(hold);
    let later = rows[0].seen + Duration::from_secs(3);
    let rows = seen(&store, |rows| rows[0].seen > later).await;
    assert!(rows[0].duties.is_empty(), "{rows:?}");
}

/// How often the rows of a table were changed, and how often somebody looked into it.
async fn used(client: &Client, folder: &TempDir, table: &str) -> [i64; 2] {
    let counts = "SELECT n_tup_ins + n_tup_upd, seq_scan + coalesce(idx_scan, 0)
         FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = $2";
    let row = client.query_one(counts, &[&schema(folder), &table]).await;
    let row = row.expect("counts");
    [row.get(0), row.get(1)]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_nothing_to_do_asks_the_server_a_few_times_a_second() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let first = joins(&address, &folder).await;
    let second = joins(&address, &folder).await;
    let (_serving, _hold) = taken(&first).await;
    // One that waits for what the other one has.
    let waiting = tokio::spawn(async move { taken(&second).await });
    let client = beside(&address, &folder).await;
    let began = std::time::Instant::now();
    let since = first.instances().await.expect("reads")[0].seen;
    let later = since + Duration::from_secs(5);
    seen(&first, |rows| rows[0].seen > later).await;
    let [said, _] = used(&client, &folder, "instances").await;
    let [_, looks] = used(&client, &folder, "leases").await;
    let seconds = i64::try_from(began.elapsed().as_secs()).expect("a few") + 3;
    // Both say once a second that they live, and one looks twice a second for what it wants. This test looks
    // twenty times a second.
    assert!((2..4 * seconds).contains(&said), "{said} in {seconds} s");
    assert!(
        (2..100 * seconds).contains(&looks),
        "{looks} in {seconds} s"
    );
    waiting.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_instances_leave_of_their_transactions_goes_with_them_or_after_a_day() {
    let Some(address) = address() else { return };
    let folder = TempDir::new().expect("a folder");
    let first = joins(&address, &folder).await;
    let client = beside(&address, &folder).await;
    let left = async || {
        let numbers = "SELECT number FROM commits ORDER BY number";
        let numbers = client.query(numbers, &[]).await.expect("reads");
        let numbers = numbers.iter().map(|row| row.get(0));
        numbers.collect::<Vec<i64>>()
    };
    let killed =
        "INSERT INTO commits VALUES ('a day ago', 700, clock_timestamp() - INTERVAL '25 hours'),
        ('today', 800, clock_timestamp() - INTERVAL '23 hours')";
    client.batch_execute(killed).await.expect("inserts");
    assert_eq!(claim(&first, "phone", now(), 9).await.len(), 0);
    assert_eq!(left().await, [700, 800], "nothing has been changed yet");
    for number in 2..=4 {
        let id = number.to_string();
        let accepted = first.accept(batch(&[&id], &["phone"])).await;
        assert_eq!(accepted.expect("accepts").new, 1);
        assert_eq!(left().await, [number, 700, 800], "the last one only");
    }
    joins(&address, &folder).await.close().await;
    assert_eq!(left().await, [4, 800], "whoever comes removes what is old");
    first.close().await;
    assert_eq!(left().await, [800], "whoever leaves takes his own along");
}
