//! Nothing is lost or half done: slow and broken stores, bursts, and a stop at any moment.

use std::sync::atomic::Ordering;

use super::*;

#[tokio::test(start_paused = true)]
async fn feed_b5_one_load_is_read_while_a_small_batch_is_not_committed() {
    let mut beats = vec![told(1, 1), Beat::Pause(Duration::from_secs(1))];
    beats.extend((2..2000).map(|id| told(id, 2)));
    let disk = Disk::default();
    disk.busy.send_replace(true);
    let mut world = Setup::new(Kind::Sse, vec![open(beats)]).disk(disk).start();
    world
        .until("the first commit", |world| world.disk.tries() == 1)
        .await;
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(world.feed.reads(), 1 + 256);
    world.disk.busy.send_replace(false);
    world
        .until("all events", |world| world.disk.ids().len() == 1999)
        .await;
    assert_eq!(world.disk.ids(), (1..2000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_gets_the_same_batch_again_every_second() {
    let script = vec![open([
        told(1, 1),
        told(2, 2),
        Beat::Pause(Duration::from_secs(1)),
        told(3, 3),
    ])];
    let disk = Disk::refusing(5);
    let mut world = Setup::new(Kind::Sse, script).disk(disk).start();
    world
        .until("the fourth try", |world| world.disk.tries() == 4)
        .await;
    assert_eq!(
        world.feed.reads(),
        3,
        "the next one is read, into no batch that is tried already"
    );
    assert!(world.source().activity.contains("the disk is full"));
    world
        .until("all events", |world| world.disk.ids().len() == 3)
        .await;
    assert_eq!(world.disk.ids(), [1, 2, 3]);
    assert_eq!(world.disk.tries(), 7);
    assert_eq!(world.disk.commits()[0].events, 2);
    assert!(world.start.elapsed() >= Duration::from_secs(5));
    assert_eq!(world.feed.attempts().len(), 1, "the connection is kept");
    assert_eq!(world.source().activity, "streaming");
}

#[tokio::test(start_paused = true)]
async fn res_13_a_burst_is_committed_in_few_batches_each_within_its_limits() {
    let mut beats: Vec<_> = (1..=500).map(|id| told(id, 1)).collect();
    beats.push(recycle());
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.attempts(2).await;
    assert_eq!(world.disk.ids(), (1..=500).collect::<Vec<_>>());
    assert_eq!(world.feed.cursors()[1], Cursor::At("500".to_owned()));
    let commits = world.disk.commits();
    assert!(commits.iter().all(|commit| commit.events <= 256));
    assert!(commits.len() < 10, "{} commits", commits.len());
    assert_eq!(commits[commits.len() - 1].at - world.start, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_full_at_a_mebibyte_of_payload_and_the_event_that_passes_it_still_fits() {
    const EACH: usize = 300 * 1024;
    let beats = (1..=20).map(|id| {
        let mut event = event(id, 1);
        event.payload = Bytes::from(vec![b'x'; EACH]);
        Beat::Item(Item {
            cursor: cursor(id),
            what: What::Event(event),
        })
    });
    let mut world = Setup::new(Kind::Sse, vec![open(beats)]).start();
    world
        .until("all events", |world| world.disk.ids().len() == 20)
        .await;
    let commits = world.disk.commits();
    let most = commits.iter().map(|commit| commit.payload_bytes).max();
    assert_eq!(most, Some(4 * EACH));
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_do_not_touch_the_store() {
    let alive = || [Beat::Pause(Duration::from_secs(1)), beat(What::Alive)];
    let mut beats = vec![beat(What::Retry(Duration::from_secs(3)))];
    beats.extend(alive());
    beats.push(told(1, 1));
    beats.extend(alive());
    beats.extend(alive());
    beats.push(Beat::End(End::Eof));
    let mut world = Setup::new(Kind::Sse, vec![open(beats)]).start();
    world.attempts(2).await;
    assert_eq!(world.disk.tries(), 1, "only the event does");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_its_own_id_is_committed_without_a_checkpoint() {
    let mut event = event(1, 1);
    event.id = None;
    let script = vec![open([beat(What::Event(event))])];
    let mut world = Setup::new(Kind::Sse, script).start();
    world
        .until("the commit", |world| !world.disk.commits().is_empty())
        .await;
    assert_eq!(world.disk.commits()[0].checkpoint, None);
}

#[tokio::test(start_paused = true)]
async fn a_commit_with_deliveries_nudges_and_a_replay_does_not() {
    let script = vec![open([
        told(1, 1),
        Beat::Pause(Duration::from_secs(1)),
        told(1, 1),
    ])];
    let mut world = Setup::new(Kind::Sse, script).start();
    world.nudges.changed().await.expect("held by the source");
    world
        .until("the replay", |world| world.source().repeated == 1)
        .await;
    assert_eq!(*world.nudges.borrow(), 1);
}

/// Stops a source that has come to the state which `ready` describes.
async fn check_stop(setup: Setup, what: &str, ready: impl Fn(&World) -> bool) {
    let mut world = setup.start();
    world.until(what, ready).await;
    let before = Instant::now();
    world.stop.cancel();
    (&mut world.task).await.expect("no panic");
    assert_eq!(before.elapsed(), Duration::ZERO, "{what}");
    assert_eq!(world.feed.open(), 0, "{what}");
    assert!(!world.source().connected, "{what}");
    assert_eq!(world.source().activity, "stopped", "{what}");
}

#[tokio::test(start_paused = true)]
async fn feed_c1_stopping_is_prompt_in_every_state() {
    let doing = |word: &'static str| move |world: &World| world.source().activity.contains(word);
    let mute = vec![Act::Mute(Duration::from_secs(30))];
    check_stop(Setup::new(Kind::Sse, mute), "awaiting the head", |world| {
        world.feed.open() == 1
    })
    .await;
    let streaming = Setup::new(Kind::Sse, vec![]);
    check_stop(streaming, "streaming", doing("streaming")).await;
    let waiting = Setup::new(Kind::Ttmt, vec![refuse(status(503))]);
    check_stop(waiting, "waiting", doing("waiting")).await;
    let parked = Setup::new(Kind::Ttmt, vec![refuse(status(401))]);
    check_stop(parked, "parked", doing("stopped: ")).await;
    let suspended = Setup::new(Kind::Ttmt, vec![refuse(status(403))]);
    check_stop(suspended, "suspended", doing("asking again")).await;
    let broken = Disk::refusing(usize::MAX);
    let broken = Setup::new(Kind::Sse, vec![open([told(1, 1)])]).disk(broken);
    check_stop(broken, "store broken", doing("waiting for the store")).await;
}

#[tokio::test(start_paused = true)]
async fn feed_c2_after_a_stop_no_event_is_half_accepted() {
    for stop_after in 0..40 {
        let beats =
            || (1..=20).flat_map(|id| [told(id, 1), Beat::Pause(Duration::from_millis(50))]);
        let world = Setup::new(Kind::Sse, vec![open(beats())]).start();
        sleep(Duration::from_millis(30 * stop_after)).await;
        world.stop.cancel();
        world.task.await.expect("no panic");
        let (ids, disk) = (world.disk.ids(), world.disk.survivor());
        assert_eq!(disk.checkpoint().high_id, ids.last().copied());
        let script = vec![open(beats())];
        let mut world = Setup::new(Kind::Sse, script).disk(disk).start();
        world
            .until("the last event", |world| world.disk.ids().len() == 20)
            .await;
        assert_eq!(world.disk.ids(), (1..=20).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_is_asked_for_until_the_store_answers() {
    let disk = Disk::at(Cursor::At("5".to_owned()));
    disk.unreadable.store(3, Ordering::SeqCst);
    let mut world = Setup::new(Kind::Sse, vec![]).disk(disk).start();
    world.attempts(1).await;
    assert_eq!(world.feed.cursors(), [Cursor::At("5".to_owned())]);
    assert_eq!(world.start.elapsed().as_secs(), 3);
}
