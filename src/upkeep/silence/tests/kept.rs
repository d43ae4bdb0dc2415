//! What is kept over restarts and reloads.

use jiff::SignedDuration;

use super::*;

#[tokio::test(start_paused = true)]
async fn after_a_start_the_stream_has_a_minute_to_replay() {
    let text = positions("2h", "");
    let mut scene = Scene::start(&text, "2026-06-12T08:00:00Z").await;
    scene.stop().await;
    scene.pass(3 * HOUR).await;
    scene.restart(&text).await;
    scene.pass(GRACE - INSTANT).await;
    assert_eq!(scene.told().await, [""; 0]);
    scene.arrive("ttmt", "position_update").await;
    scene.pass(HOUR).await;
    assert_eq!(scene.told().await, [""; 0], "it was replayed");
    scene.stop().await;
    scene.pass(HOUR).await;
    scene.restart(&text).await;
    scene.pass(GRACE - INSTANT).await;
    assert_eq!(scene.told().await, [""; 0]);
    scene.pass(INSTANT).await;
    assert_eq!(scene.told().await, ["2026-06-12T11:00:59.999Z"]);
}

#[tokio::test(start_paused = true)]
async fn the_grace_is_no_longer_than_the_silence() {
    let text = positions("10s", "");
    let mut scene = Scene::start(&text, "2026-06-12T08:00:00Z").await;
    scene.stop().await;
    scene.pass(HOUR).await;
    scene.restart(&text).await;
    scene.pass(Duration::from_secs(10) - INSTANT).await;
    assert_eq!(scene.told().await, [""; 0]);
    scene.pass(INSTANT).await;
    assert_eq!(scene.told().await, ["2026-06-12T08:00:00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_neither_a_silence_that_was_told_nor_its_end() {
    let text = positions("2h", "");
    let mut scene = Scene::start(&text, "2026-06-12T08:00:00Z").await;
    scene.pass(2 * HOUR).await;
    let silence = "2026-06-12T08:00:00.000Z";
    assert_eq!(scene.told().await, [silence]);
    scene.stop().await;
    scene.restart(&text).await;
    scene.pass(3 * HOUR).await;
    assert_eq!(scene.told().await, [silence]);
    // The process ends between the event and the word of it.
    let mut batch = scene.batch("ttmt", "position_update");
    scene.ears.listen(&mut batch);
    scene.store().accept(batch).await.expect("accepts");
    assert_eq!(scene.told().await, [silence]);
    scene.stop().await;
    scene.pass(HOUR).await;
    scene.restart(&text).await;
    let over = format!("{silence}/2026-06-12T13:00:00.000Z");
    assert_eq!(scene.told().await, [silence, &over]);
    scene.stop().await;
    scene.restart(&text).await;
    assert_eq!(scene.told().await, [silence, &over]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_takes_effect_at_once_and_what_was_told_stays_told() {
    let mut scene = Scene::start(&positions("8h", ""), "2026-06-12T08:00:00Z").await;
    let reload = async |scene: &Scene, text: &str| {
        scene.ears.exchange(watches(text));
        scene.settle().await;
    };
    scene.pass(3 * HOUR).await;
    reload(&scene, &positions("4h", "")).await;
    assert_eq!(scene.told().await, [""; 0]);
    reload(&scene, &positions("2h", "")).await;
    let silence = "2026-06-12T08:00:00.000Z";
    assert_eq!(scene.told().await, [silence]);
    // Neither a longer time nor other events undo what was told, nor tell it again.
    reload(&scene, &positions("30d", "")).await;
    reload(&scene, &positions("1s", "").replace("position_*", "tp_*")).await;
    scene.pass(HOUR).await;
    assert_eq!(scene.told().await, [silence]);
    scene.arrive("ttmt", "position_update").await;
    assert_eq!(scene.told().await, [silence]);
    reload(&scene, &positions("1h", "").replace("position_*", "tp_*")).await;
    scene.arrive("ttmt", "tp_hit").await;
    assert_eq!(scene.told().await.len(), 2);
    // A watch that is gone is forgotten, and one that comes anew has heard nothing yet.
    reload(&scene, "").await;
    scene.pass(5 * HOUR).await;
    reload(&scene, &positions("1h", "")).await;
    scene.pass(HOUR - INSTANT).await;
    assert_eq!(scene.told().await.len(), 2);
    scene.pass(INSTANT).await;
    assert_eq!(scene.told().await[2..], ["2026-06-12T17:00:00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_in_a_silence_ends_none_whatever_the_clock_is_finer_than_the_queue() {
    let text = positions("2h", "");
    let mut scene = Scene::start(&text, "2026-06-12T08:00:00.000000999Z").await;
    scene.pass(HOUR).await;
    scene.arrive("ttmt", "position_update").await;
    scene.pass(2 * HOUR + INSTANT).await;
    let silence = "2026-06-12T09:00:00.000Z";
    assert_eq!(scene.told().await, [silence]);
    scene.ears.exchange(watches(&text));
    scene.settle().await;
    assert_eq!(scene.told().await, [silence]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_keeps_no_watch_deaf() {
    let text = positions("2h", "");
    let mut scene = Scene::start(&text, "2027-06-12T08:00:00Z").await;
    scene.pass(2 * HOUR).await;
    scene.arrive("ttmt", "position_update").await;
    assert_eq!(scene.told().await.len(), 2);
    scene.stop().await;
    let year = SignedDuration::from_hours(24 * 365);
    scene.clock = Clock::runtime(scene.clock.now() - year);
    scene.restart(&text).await;
    scene.pass(2 * HOUR - INSTANT).await;
    assert_eq!(scene.told().await.len(), 2);
    scene.pass(INSTANT).await;
    assert_eq!(scene.told().await[2..], ["2026-06-12T10:00:00.000Z"]);
}
