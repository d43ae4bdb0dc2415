//! A dead-man's switch beside the real program: what it hears while an alert would get through, and once
//! when it would not.

use std::fs;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

const BEAT: &str = "/webhook/beat";
const EVENTS: &str = "/webhook/events";

/// A watched bridge with a heartbeat of this form, once a second.
async fn start(form: &str) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by(BEAT, |_| Some(Answer::status(200).body("OK")));
    let url = phones.handle.url(Kind::Webhook);
    let heartbeat =
        format!("[heartbeat]\nurl = \"{url}/beat\"\nevery = \"1s\"\nform = \"{form}\"\n");
    let config = format!("{}{heartbeat}", upstream.source());
    let mut bridge = Bridge::watched(&config, &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

/// Everything that the switch has heard: method, the path below its own, query and body.
fn heard(phones: &Phones) -> Vec<[String; 4]> {
    let received = phones.handle.received_by(Kind::Webhook).into_iter();
    let heard = received.filter_map(|one| {
        let below = one.path.strip_prefix(BEAT)?.to_owned();
        let body = String::from_utf8(one.body.to_vec()).expect("text");
        Some([one.method, below, one.query, body])
    });
    heard.collect()
}

/// How often it has heard so.
fn count(phones: &Phones, is_it: impl Fn(&[String; 4]) -> bool) -> usize {
    heard(phones).iter().filter(|one| is_it(one)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthchecks_hears_of_a_start_of_health_and_once_of_a_suspended_sink() {
    let (upstream, phones, mut bridge) = start("healthchecks").await;
    let healthy = |one: &[String; 4]| one[..2] == ["GET", ""];
    let fails = |one: &[String; 4]| one[..2] == ["POST", "/fail"];
    until("two beats", || count(&phones, healthy) >= 2).await;
    assert_eq!(heard(&phones)[0], ["GET", "/start", "", ""]);
    assert_eq!(count(&phones, fails), 0);
    phones
        .handle
        .answer_by(EVENTS, |_| Some(Answer::status(410)));
    upstream.send(r#"{"type":"tp_hit","data":{}}"#).await;
    until("the failure", || count(&phones, fails) == 1).await;
    let last = heard(&phones).pop().expect("a failure");
    assert!(
        last[3].starts_with("sink `events` is suspended: "),
        "{last:?}"
    );
    // Whoever asks for a reload has the sink tried.
    phones.handle.answer_as_ever(EVENTS);
    let before = count(&phones, healthy);
    bridge.signal("HUP");
    until("health again", || count(&phones, healthy) > before + 1).await;
    assert_eq!(count(&phones, fails), 1);
    let starts = count(&phones, |one| one[1] == "/start");
    assert_eq!(starts, 1, "a reload is no start");
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
    assert_eq!(count(&phones, fails), 1, "a stop is no failure");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uptime_kuma_hears_up_and_once_down_while_the_key_is_refused() {
    let (upstream, phones, bridge) = start("uptime-kuma").await;
    let up = |one: &[String; 4]| *one == ["GET", "", "status=up&msg=OK&ping=", ""];
    let down = |one: &[String; 4]| one[2].starts_with("status=down&msg=source+%60ttmt%60");
    until("two beats", || count(&phones, up) >= 2).await;
    assert_eq!(count(&phones, down), 0);
    upstream.handle.revoke().await;
    until("the failure", || count(&phones, down) == 1).await;
    let before = count(&phones, up);
    upstream.handle.restore().await;
    bridge.signal("HUP");
    until("health again", || count(&phones, up) > before).await;
    assert_eq!(count(&phones, down), 1);
    assert_eq!(heard(&phones).len(), count(&phones, up) + 1);
    let metrics = bridge.page("/metrics").await.body;
    assert!(
        metrics.contains("\nbellwire_heartbeat_failing 0.0\n"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_switch_hears_no_more_and_no_less_after_a_reload() {
    let (_upstream, phones, bridge) = start("healthchecks").await;
    until("a beat", || count(&phones, |one| one[1].is_empty()) >= 1).await;
    let path = bridge.folder().join("config.toml");
    let config = fs::read_to_string(&path).expect("text");
    let config = config
        .replace("form = \"healthchecks\"\n", "")
        .replace("/beat\"", "/beat/other\"");
    fs::write(&path, config).expect("writes");
    bridge.signal("HUP");
    let other = |one: &[String; 4]| *one == ["GET", "/other", "", ""];
    until("the other switch", || count(&phones, other) >= 2).await;
    assert_eq!(count(&phones, |one| one[1].starts_with("/other/")), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_online_pings_nobody_and_says_so() {
    let (_upstream, phones, mut bridge) = start("plain").await;
    until("a beat", || !heard(&phones).is_empty()).await;
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
    let before = heard(&phones).len();
    let told = bridge.output("check", &[]).await;
    assert_eq!(told.complaint, "");
    let told = bridge.told("check", &["--online"]).await;
    let last = told.out.lines().last().expect("a line");
    let place = format!("heartbeat ({} #", phones.handle.local_addr());
    assert!(last.starts_with(&place), "{last}");
    assert!(
        last.ends_with("): not tried, since it would say that all is well"),
        "{last}"
    );
    assert_eq!(heard(&phones).len(), before);
}
