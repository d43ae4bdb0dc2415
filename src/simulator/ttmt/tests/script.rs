//! Scripts, played to a client that reconnects as one should.

use super::*;

pub(super) const RECORDED: &str = include_str!("../../../../tests/fixtures/events.jsonl");

/// Plays a script to a client that reconnects after every end, and returns all payloads, the number
/// of connections, and the simulator, which is still there.
async fn play(script: &str, enough: &str) -> (Vec<String>, usize, Served) {
    let served = Served::start(Options {
        rate: 0.0,
        script: Some(parse_script(script).expect("a good script")),
        ..Options::default()
    })
    .await;
    let mut got: Vec<String> = Vec::new();
    let mut last = String::new();
    let mut connections = 0;
    while got.last().is_none_or(|payload| payload != enough) {
        let header = format!("Last-Event-ID: {last}");
        let header = if last.is_empty() {
            "X-First: 1"
        } else {
            &header
        };
        let stream = served.stream_again(&[header]).await;
        connections += 1;
        let (reply, _) = in_time(stream.end()).await;
        let body = reply.expect("an answer").body;
        got.extend(payloads(&body).into_iter().map(str::to_owned));
        if let Some(id) = ids(&body).last() {
            last = id.to_string();
        }
    }
    in_time(served.handle.played()).await;
    (got, connections, served)
}

#[tokio::test]
async fn every_recorded_line_is_played_byte_for_byte() {
    let lines: Vec<&str> = RECORDED.lines().collect();
    assert_eq!(lines.len(), 64);
    let (got, connections, served) = play(RECORDED, lines[63]).await;
    assert_eq!(got, lines);
    let ends = |line: &&&str| line.contains("recycle") || line.contains("auth_revoked");
    assert_eq!(connections, lines.iter().filter(ends).count());
    served.finish().await;
}

#[tokio::test]
async fn rest_shows_what_the_recorded_script_told() {
    let end = RECORDED.lines().last().expect("a line");
    let (_, _, served) = play(RECORDED, end).await;
    let trades = served
        .all("/api/v1/trades?include=positions,orders", 2)
        .await;
    let told: Vec<(&str, String, Option<usize>, Option<usize>)> = trades
        .iter()
        .map(|trade| {
            let status = trade["status"].as_str().expect("a status");
            let count = |name: &str| trade[name].as_array().map(Vec::len);
            let result = format!("{} {}", trade["realized_pl"], trade["currency"]);
            (status, result, count("positions"), count("orders"))
        })
        .collect();
    let expected = [
        ("closed_timeout_cleanup", "25.69 \"EUR\"", 1, 1),
        ("failed", "0 \"USD\"", 0, 0),
        ("closed_profit", "9.86 \"USD\"", 1, 0),
        ("closed_loss", "-26.01 \"EUR\"", 2, 2),
        ("closed_profit", "116.86 \"USD\"", 4, 5),
    ];
    let expected = expected.map(|(status, result, positions, orders)| {
        (status, result.to_owned(), Some(positions), Some(orders))
    });
    assert_eq!(told, expected, "newest first");
    let signals = served.all("/api/v1/signals", 3).await;
    let messages: Vec<String> = signals
        .iter()
        .map(|it| it["telegram_message_id"].to_string())
        .collect();
    assert_eq!(messages, ["18361", "2147483713", "90417", "18342"]);
    let open = served.get("/api/v1/positions").await.json();
    assert_eq!(open["data"].as_array().map(Vec::len), Some(0));
    served.finish().await;
}

#[tokio::test]
async fn directives_stand_between_events() {
    let script = r#"
# what is sent while nobody listens is replayed
{"type":"a"}
{"simulate":"drop"}
{"type":"b","eventId":10}
{"simulate":"pause","ms":20}
{"simulate":"send","payload":"{\"type\":\"c\"}","id":11}
{"simulate":"close"}
{"simulate":"await_stream"}
{"simulate":"unknown","type":"d"}
{"simulate":"recycle"}
"#;
    let end = r#"{"type":"recycle","reason":"max_lifetime"}"#;
    let (got, connections, served) = play(script, end).await;
    let kinds: Vec<&str> = got
        .iter()
        .map(|it| it.split('"').nth(3).expect("a type"))
        .collect();
    assert_eq!(kinds, ["a", "b", "c", "d", "recycle"]);
    assert_eq!(connections, 3);
    served.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_script_is_played_at_its_rate() {
    let script = "{\"type\":\"a\"}\n{\"simulate\":\"pause\",\"ms\":1000}\n{\"type\":\"b\"}\n";
    let options = Options {
        rate: 2.0,
        ..quiet()
    };
    let api = unserved(&options, Pace::Calm);
    let lines = parse_script(script).expect("a good script");
    let start = tokio::time::Instant::now();
    let tempo = Tempo::new(options.rate, 1);
    player::play(Arc::clone(&api), Play::Script(lines, None), tempo, false).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(api.feed.next_id(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_script_is_replayed_as_fast_as_it_happened_or_faster() {
    let check = async |script: &str, speed: f64, expected: Duration| {
        let api = unserved(&quiet(), Pace::Calm);
        let play = Play::Script(parse_script(script).expect("a good script"), Some(speed));
        let start = tokio::time::Instant::now();
        player::play(api, play, Tempo::new(1.0, 1), false).await;
        assert_eq!(start.elapsed(), expected, "{script} {speed}");
    };
    let at = |time: &str| format!("{{\"type\":\"a\",\"timestamp\":\"2026-06-11T{time}Z\"}}\n");
    let none = "{\"type\":\"b\"}\n";
    let day = [&at("00:00:00"), none, &at("06:00:00"), &at("24:00:00")].concat();
    let day = day.replace("11T24", "12T00");
    check(&day, 86_400.0, Duration::from_secs(1)).await;
    check(&day, 0.5, Duration::from_secs(2 * 86_400)).await;
    check(none, 1.0, Duration::ZERO).await;
    let back = [at("08:00:10"), at("08:00:00"), at("08:00:20")].concat();
    check(&back, 10.0, Duration::from_secs(1)).await;
    // A pause within the distance is part of it; what is longer comes on top.
    let pause = "{\"simulate\":\"pause\",\"ms\":60000}\n";
    let short = [&at("08:00:00"), pause, &at("08:02:00"), &at("08:03:00")].concat();
    check(&short, 60.0, Duration::from_secs(3)).await;
    let long = [&at("08:00:00"), pause, &at("08:00:30"), &at("08:01:30")].concat();
    check(&long, 60.0, Duration::from_secs(2)).await;
    let down = "{\"simulate\":\"unavailable\",\"ms\":3600000}\n";
    check(&[down, none].concat(), 3_600.0, Duration::from_secs(1)).await;
    let away = "{\"simulate\":\"away\",\"ms\":3600000}\n";
    check(&[away, none].concat(), 3_600.0, Duration::ZERO).await;
}
