//! What the stream could not replay is found over REST and rings, once, and what cannot be found is
//! said aloud: the real program against the simulated API, whose request log judges it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bellwire::simulator::receivers::{Kind, Received};
use bellwire::simulator::ttmt::{Options, Pace};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, recorded, soon, until};

/// Requests that a key may make in any minute.
const ALLOWED: usize = 30;

/// What happened to what, without how it was learned: the type, and the ids that it is about.
type Happening = (String, Vec<String>);

/// Types that REST proves.
const PROVABLE: [&str; 6] = [
    "order_fill",
    "trade_executed",
    "tp_hit",
    "position_closed",
    "breakeven_set",
    "trade_finalized",
];

fn happening(event: &Value) -> Option<Happening> {
    let kind = event["type"].as_str()?;
    if !PROVABLE.contains(&kind) {
        return None;
    }
    let data = &event["data"];
    let position = data.get("position_id").or(data.get("id"));
    let trade = data.get("trade_id");
    let more = ["tp_level", "status"].map(|key| data.get(key));
    let parts = [trade, position, more[0].filter(|_| kind == "tp_hit")];
    let parts = parts
        .into_iter()
        .chain([more[1].filter(|_| kind == "trade_finalized")]);
    let parts = parts.map(|part| part.map(Value::to_string).unwrap_or_default());
    Some((kind.to_owned(), parts.collect()))
}

/// A market that lives the same life in every test, and only when it is told to.
async fn market() -> Upstream {
    Upstream::with(Options {
        seed: 7,
        pace: Pace::Lively,
        ..Options::default()
    })
    .await
}

/// A bridge that has connected and has had its first look at the account.
async fn looked(upstream: &Upstream, phones: &Phones) -> Bridge {
    let mut bridge = Bridge::watched(&upstream.source(), phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    first_look(upstream).await;
    bridge
}

/// Waits until the last request of the first look was answered.
async fn first_look(upstream: &Upstream) {
    let last = |request: &bellwire::simulator::ttmt::Request| {
        request.path.contains("status=active") && request.status == Some(200)
    };
    soon("the first look", upstream.handle.request(last)).await;
}

/// What arrived, by what happened: how often, and how often as backfilled.
fn arrived(phones: &Phones) -> BTreeMap<Happening, (usize, usize)> {
    let mut counts = BTreeMap::new();
    for body in phones.events() {
        let event: Value = serde_json::from_str(&body).expect("JSON");
        if let Some(happening) = happening(&event) {
            let (all, backfilled) = counts.entry(happening).or_insert((0, 0));
            *all += 1;
            *backfilled += usize::from(event["backfilled"] == true);
        }
    }
    counts
}

/// Waits until everything that was to arrive has, by sending something that arrives behind it: the sink
/// takes one at a time.
async fn settled(upstream: &Upstream, phones: &Phones) {
    upstream.send(r#"{"type":"marker","data":{}}"#).await;
    let is_marker = |event: &String| event.contains("marker");
    until("the marker", || phones.events().iter().any(is_marker)).await;
}

/// No minute of the upstream's own log has more requests than a key may make.
fn within_the_allowance(upstream: &Upstream) {
    let requests = upstream.handle.requests();
    assert!(requests.iter().all(|request| request.status != Some(429)));
    for span in requests.windows(ALLOWED + 1) {
        let time = span[ALLOWED].at - span[0].at;
        assert!(
            time > Duration::from_mins(1),
            "{} requests in {time:?}",
            span.len()
        );
    }
}

/// What a market does in some steps, as a bridge hears it that is never cut off.
async fn uncut(before: u64, during: u64) -> BTreeSet<Happening> {
    let (upstream, phones) = (market().await, Phones::start().await);
    let _bridge = looked(&upstream, &phones).await;
    // Half the buffer at a time, so that nothing depends on how fast anybody is.
    for steps in [before, during]
        .into_iter()
        .flat_map(|steps| vec![10; steps as usize / 10])
    {
        let done = upstream.handle.next_id();
        upstream.handle.live(steps).await;
        let sent = upstream.handle.next_id() - done;
        assert!(sent < 100, "{sent} events at once");
        let all = upstream.handle.next_id() as usize - 1;
        until("every event", || phones.events().len() == all).await;
    }
    arrived(&phones).into_keys().collect()
}

/// Steps of the market before the cut, and while the line is down.
const BEFORE: u64 = 40;
const DURING: u64 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_8_rate_1_events_missed_in_a_cut_are_found_and_none_rings_twice() {
    let expected = uncut(BEFORE, DURING).await;
    let kinds: BTreeSet<&str> = expected.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds.len(),
        PROVABLE.len(),
        "every provable type: {kinds:?}"
    );

    let (upstream, phones) = (market().await, Phones::start().await);
    let bridge = looked(&upstream, &phones).await;
    upstream.handle.live(BEFORE).await;
    let before = upstream.handle.next_id() as usize - 1;
    until("what came before", || phones.events().len() == before).await;
    upstream.handle.away(Duration::from_mins(10)).await;
    soon("the cut", upstream.handle.unheard()).await;
    upstream.handle.live(DURING).await;
    let missed = upstream.handle.next_id() as usize - 1 - before;
    assert!(missed >= 250, "only {missed} events in the cut");
    upstream.handle.back().await;
    soon("the next stream", upstream.handle.heard()).await;
    until("word of the gap", || {
        phones.own().iter().any(|(kind, _)| kind == "bellwire.gap")
    })
    .await;
    settled(&upstream, &phones).await;

    let counts = arrived(&phones);
    let found: BTreeSet<Happening> = counts.keys().cloned().collect();
    let lost: Vec<_> = expected.difference(&found).collect();
    let invented: Vec<_> = found.difference(&expected).collect();
    assert!(
        lost.is_empty() && invented.is_empty(),
        "lost {lost:#?}, invented {invented:#?}"
    );
    let twice: Vec<_> = counts.iter().filter(|(_, (all, _))| *all > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
    let backfilled: BTreeSet<&str> = counts
        .iter()
        .filter(|(_, (_, backfilled))| *backfilled > 0)
        .map(|((kind, _), _)| kind.as_str())
        .collect();
    assert_eq!(
        backfilled.len(),
        PROVABLE.len(),
        "each type also by REST: {backfilled:?}"
    );
    within_the_allowance(&upstream);

    let own = phones.own();
    let gaps: Vec<&Value> = own
        .iter()
        .filter(|(kind, _)| kind == "bellwire.gap")
        .map(|(_, data)| data)
        .collect();
    assert_eq!(gaps.len(), 1, "{own:#?}");
    let count: usize = counts.values().map(|(_, backfilled)| backfilled).sum();
    assert_eq!(gaps[0]["recovered"], count);
    assert_eq!(
        gaps[0]["missing_ids"],
        missed - 100,
        "the buffer held the rest"
    );
    assert_eq!(gaps[0]["closed"], true);
    let ready = bridge.page("/readyz").await.json();
    assert_eq!(ready["sources"]["ttmt"]["backfilled"], count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_8_a_kill_while_catching_up_loses_nothing_and_rings_nothing_twice() {
    let expected = uncut(BEFORE, DURING).await;
    let (upstream, phones) = (market().await, Phones::start().await);
    let mut bridge = looked(&upstream, &phones).await;
    upstream.handle.live(BEFORE).await;
    let before = upstream.handle.next_id() as usize - 1;
    let settled = |ready: &Value| ready["sinks"]["events"]["delivered"] == before;
    bridge.ready("what came before", settled).await;
    bridge.kill();
    upstream.handle.live(DURING).await;
    // Once before REST is read, and once as soon as what REST told begins to arrive.
    soon("the slot", upstream.handle.unheard()).await;
    bridge.start();
    soon("the second life", upstream.handle.heard()).await;
    bridge.kill();
    soon("the slot", upstream.handle.unheard()).await;
    bridge.start();
    until("the first of what was missed", || {
        arrived(&phones)
            .values()
            .any(|(_, backfilled)| *backfilled > 0)
    })
    .await;
    bridge.kill();
    soon("the slot", upstream.handle.unheard()).await;
    bridge.start();
    until("all of it", || arrived(&phones).len() >= expected.len()).await;
    let found: BTreeSet<Happening> = arrived(&phones).into_keys().collect();
    assert_eq!(found, expected);
    // A kill may repeat what was in flight; then the id is the same.
    let mut ids: BTreeMap<Happening, BTreeSet<String>> = BTreeMap::new();
    for one in phones.handle.received_by(Kind::Webhook) {
        let event: Value = serde_json::from_slice(&one.body).expect("JSON");
        if let Some(happening) = happening(&event) {
            let id = one.header("webhook-id").to_owned();
            ids.entry(happening).or_default().insert(id);
        }
    }
    let twice: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
    within_the_allowance(&upstream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_9_while_the_container_is_down_what_happens_rings_by_polling() {
    let (upstream, phones) = (market().await, Phones::start().await);
    let _bridge = looked(&upstream, &phones).await;
    upstream.handle.live(BEFORE).await;
    let before = upstream.handle.next_id() as usize - 1;
    until("what came before", || phones.events().len() == before).await;
    upstream.handle.unavailable(Duration::from_mins(10)).await;
    let polled = |request: &bellwire::simulator::ttmt::Request| {
        request.route().ends_with("/signals") && request.status == Some(200)
    };
    soon("the first polls", upstream.handle.request(polled)).await;
    upstream.handle.live(50).await;
    let happened = Instant::now();
    until("what happens meanwhile", || {
        arrived(&phones)
            .values()
            .any(|(_, backfilled)| *backfilled > 0)
    })
    .await;
    assert!(
        happened.elapsed() < Duration::from_secs(15),
        "{:?}",
        happened.elapsed()
    );
    assert!(!upstream.handle.is_heard(), "the stream is still away");
    within_the_allowance(&upstream);
}

/// The recorded events with other times: the first ones a day ago, the last trade in the last minutes.
fn a_day() -> Vec<(u64, String)> {
    let now = Timestamp::now();
    let events = recorded().into_iter().filter_map(|line| {
        let mut event: Value = serde_json::from_str(line).expect("JSON");
        let id = event["eventId"].as_u64()?;
        let ago = match id {
            201..251 => (24 * 60 - (id as i64 - 201) * 27).minutes(),
            _ => (260 - id as i64).seconds(),
        };
        event["timestamp"] = format!("{:.3}", now - ago).into();
        Some((id, event.to_string()))
    });
    events.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate_1_a_start_after_a_day_finds_everything_and_does_not_flood_the_phone() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}{}{}\
         [[rules]]\nname = \"all\"\nto = [\"archive\"]\n[[rules]]\nname = \"loud\"\nevents = [\"tp_hit\", \"trade_finalized\"]\nto = [\"phone\"]\n\
         expires = \"10m\"\nbackfilled = \"quiet\"\n\
         [[rules]]\nname = \"live\"\nevents = [\"tp_hit\"]\nto = [\"desk\"]\nbackfilled = \"skip\"\ntitle = \"late: {{{{ event.backfilled }}}}\"\n",
        upstream.source(),
        phones.sink("archive", Kind::Webhook, "concurrency = 1"),
        phones.sink("phone", Kind::Ntfy, ""),
        phones.sink("desk", Kind::Slack, ""),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    first_look(&upstream).await;
    let (heard, missed): (Vec<_>, Vec<_>) = a_day().into_iter().partition(|(id, _)| *id <= 211);
    for (_, event) in &heard {
        upstream.send(event.clone()).await;
    }
    let settled = |ready: &Value| ready["sinks"]["archive"]["delivered"] == heard.len();
    bridge.ready("what came a day ago", settled).await;
    bridge.kill();
    soon("the slot", upstream.handle.unheard()).await;
    phones.handle.forget();
    for (_, event) in &missed {
        upstream.send(event.clone()).await;
    }
    upstream.handle.overrun(None).await;
    bridge.start();
    soon("the next stream", upstream.handle.heard()).await;
    let archived = || {
        let all = phones.handle.received_by(Kind::Webhook);
        let events = all
            .iter()
            .map(|one| serde_json::from_slice(&one.body).expect("JSON"));
        events.collect::<Vec<Value>>()
    };
    until("the last end", || {
        let ends = |event: &Value| event["data"]["status"] == "closed_timeout_cleanup";
        archived().iter().any(ends)
    })
    .await;
    until("the first trade's targets", || {
        let is_hit = |event: &&Value| event["type"] == "tp_hit" && event["backfilled"] == true;
        archived().iter().filter(is_hit).count() == 4
    })
    .await;
    let ring = |what: &str| {
        let rings = phones.handle.received_by(Kind::Ntfy);
        assert_eq!(rings.len(), 1, "{what}: {rings:#?}");
        serde_json::from_slice::<Value>(&rings[0].body).expect("JSON")
    };
    soon("the ring", phones.handle.arrivals(Kind::Ntfy, 1)).await;
    // Whatever else was to ring would have been claimed before this.
    let probe = r#"{"type":"tp_hit","data":{"symbol":"LAST"}}"#;
    let first = ring("only what is worth a ring");
    upstream.send(probe).await;
    let rings = soon("the next ring", phones.handle.arrivals(Kind::Ntfy, 2)).await;
    assert_eq!(rings.len(), 2, "{rings:#?}");
    let live = soon("the live one", phones.handle.arrivals(Kind::Slack, 1)).await;
    let is_late = |one: &Received| String::from_utf8_lossy(&one.body).contains("late: true");
    assert!(!live.iter().any(is_late), "it is skipped: {live:#?}");
    assert!(first["title"].to_string().contains("cleanup"), "{first}");
    assert_eq!(first["priority"], 2, "quietly");
    within_the_allowance(&upstream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_11_rules_and_templates_know_what_a_bare_id_is_about() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = format!(
        "http.listen = \"off\"\n{}{}{}{}\
         [[rules]]\nname = \"gold\"\nevents = [\"breakeven_set\"]\nwhen = 'data.symbol == \"XAUUSD\"'\n\
         to = [\"phone\", \"desk\", \"automation\"]\n\
         title = \"{{{{ data.symbol }}}} {{{{ trade.direction }}}}\"\nmessage = \"{{{{ position.entry_price }}}}\"\n\
         [[rules]]\nname = \"others\"\nevents = [\"breakeven_set\"]\nwhen = 'data.symbol != \"XAUUSD\"'\nto = [\"team\"]\n",
        upstream.source(),
        phones.sink("phone", Kind::Ntfy, ""),
        phones.sink("automation", Kind::Webhook, ""),
        format_args!(
            "{}{}",
            phones.sink("desk", Kind::Slack, ""),
            phones.sink("team", Kind::Discord, "")
        ),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let minimal = recorded()
        .into_iter()
        .find(|line| line.contains("\"eventId\":220,"))
        .expect("it is recorded");
    for line in recorded().into_iter().take(9) {
        upstream.send(line).await;
    }
    upstream.send(minimal).await;
    soon("the ring", phones.handle.arrivals(Kind::Ntfy, 1)).await;
    soon("the hook", phones.handle.arrivals(Kind::Webhook, 1)).await;
    let ring = &phones.handle.received_by(Kind::Ntfy)[0];
    let ring: Value = serde_json::from_slice(&ring.body).expect("JSON");
    assert_eq!(
        (&ring["title"], &ring["message"]),
        (&"XAUUSD buy".into(), &"3339.35".into())
    );
    let hook = &phones.handle.received_by(Kind::Webhook)[0];
    assert_eq!(hook.body, minimal, "the payload stays as it was");
    assert!(phones.handle.received_by(Kind::Discord).is_empty());
}
