//! Reading ahead: one load while the one before it is on its way to the disk, and never ahead of a picture.

use super::super::load::Load;
use super::*;
use crate::sources::checkpoint::Track;

/// Events that go somewhere, of which one load takes no more.
const LOAD: u64 = 256;

/// A source whose disk has had the first load handed in, and does nothing with it yet.
async fn stuck(kind: Kind, beats: impl IntoIterator<Item = Beat>) -> World {
    let disk = Disk::default();
    disk.busy.send_replace(true);
    let script = vec![open(beats), open([])];
    let mut world = Setup::new(kind, script).disk(disk).start();
    world
        .until("the commit", |world| world.disk.tries() == 1)
        .await;
    world.pass(Duration::from_mins(10)).await;
    world
}

fn flood(events: u64) -> impl Iterator<Item = Beat> {
    (1..=events).map(|id| told(id, 1))
}

#[tokio::test(start_paused = true)]
async fn feed_b5_one_load_is_read_ahead_of_the_disk_and_no_more() {
    let mut world = stuck(Kind::Sse, flood(10 * LOAD)).await;
    assert_eq!(world.feed.reads() as u64, 2 * LOAD);
    assert_eq!(world.disk.checkpoint().cursor, Cursor::Unknown);
    world.disk.busy.send_replace(false);
    world
        .until("all events", |world| {
            world.disk.ids().len() as u64 == 10 * LOAD
        })
        .await;
    assert_eq!(world.disk.ids(), (1..=10 * LOAD).collect::<Vec<_>>());
    let mut events = 0;
    for commit in world.disk.commits() {
        events += commit.events as u64;
        let followed = commit.checkpoint.and_then(|followed| followed.high_id);
        assert_eq!(followed, Some(events), "the cursor goes with its events");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_ahead_where_a_picture_would_be_ahead_of_its_events() {
    let world = stuck(Kind::Ttmt, flood(10 * LOAD)).await;
    assert_eq!(world.feed.reads() as u64, LOAD);
}

#[tokio::test(start_paused = true)]
async fn feed_l4_what_is_read_ahead_counts_for_nothing_after_a_kill() {
    let world = stuck(Kind::Sse, flood(10 * LOAD)).await;
    world.task.abort();
    let disk = world.disk.survivor();
    assert!(disk.ids().is_empty());
    let mut world = Setup::new(Kind::Sse, vec![]).disk(disk).start();
    world.attempts(1).await;
    assert_eq!(world.feed.cursors(), [Cursor::Unknown]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_read_ahead_waits_for_all_before_it() {
    // With and without events in front of it.
    for events in [LOAD + 9, LOAD] {
        let beats = flood(events).chain([Beat::End(End::Eof)]);
        let mut world = stuck(Kind::Sse, beats).await;
        assert_eq!(world.feed.reads() as u64, events + 1);
        assert_eq!(world.feed.attempts().len(), 1, "it has not ended yet");
        world.disk.busy.send_replace(false);
        world.attempts(2).await;
        assert_eq!(world.disk.ids(), (1..=events).collect::<Vec<_>>());
        let last = cursor(events).expect("a cursor");
        assert_eq!(world.feed.cursors(), [Cursor::Unknown, last]);
        assert_eq!(world.source().events, events);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_does_not_overtake_a_batch_that_is_refused() {
    let script = vec![open(flood(3 * LOAD))];
    let disk = Disk::refusing(5);
    let mut world = Setup::new(Kind::Sse, script).disk(disk).start();
    world
        .until("all events", |world| {
            world.disk.ids().len() as u64 == 3 * LOAD
        })
        .await;
    assert_eq!(world.disk.ids(), (1..=3 * LOAD).collect::<Vec<_>>());
    assert_eq!(world.disk.tries(), 5 + 3);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_batch_is_committed_joins_what_was_read_ahead() {
    let mut beats: Vec<_> = flood(LOAD + 5).collect();
    beats.push(Beat::Pause(Duration::from_secs(1)));
    beats.extend((LOAD + 6..=LOAD + 30).map(|id| told(id, 1)));
    let mut world = stuck(Kind::Sse, beats).await;
    assert_eq!(world.feed.reads() as u64, LOAD + 30);
    world.disk.busy.send_replace(false);
    world
        .until("all events", |world| {
            world.disk.ids().len() as u64 == LOAD + 30
        })
        .await;
    let commits = world.disk.commits();
    let events: Vec<_> = commits.iter().map(|commit| commit.events).collect();
    assert_eq!(events, [256, 30]);
}

#[tokio::test(start_paused = true)]
async fn what_begins_to_come_while_a_batch_is_committed_is_read_ahead() {
    let mut beats = vec![told(1, 1), Beat::Pause(Duration::from_secs(1))];
    beats.extend((2..=9).map(|id| told(id, 1)));
    let mut world = stuck(Kind::Sse, beats).await;
    assert_eq!(world.feed.reads(), 9);
    world.disk.busy.send_replace(false);
    world
        .until("all events", |world| world.disk.ids().len() == 9)
        .await;
    let commits = world.disk.commits();
    let events: Vec<_> = commits.iter().map(|commit| commit.events).collect();
    assert_eq!(events, [1, 8]);
}

#[tokio::test(start_paused = true)]
async fn feed_l4_an_item_that_comes_as_a_commit_ends_is_in_one_load_or_the_next() {
    const SECOND: Duration = Duration::from_secs(1);
    // However many turns others have between the two.
    for turns in 0..8 {
        let disk = Disk::default();
        disk.busy.send_replace(true);
        let beats = [told(1, 1), Beat::Pause(SECOND), told(2, 1), told(3, 1)];
        let script = vec![open(beats)];
        let mut world = Setup::new(Kind::Sse, script).disk(disk).start();
        while world.disk.tries() == 0 {
            tokio::task::yield_now().await;
        }
        world.pass(SECOND).await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        world.disk.busy.send_replace(false);
        world
            .until("all events", |world| world.disk.ids().len() == 3)
            .await;
        assert_eq!(world.disk.ids(), [1, 2, 3], "{turns} turns");
    }
}

struct Nothing;

impl Router for Nothing {
    fn routes(&self, _: &Event) -> Vec<Route> {
        Vec::new()
    }
}

/// Fills a load with small events; answers with how many.
fn filled(router: &dyn Router) -> usize {
    let mut track = Track::new(Default::default());
    let mut load = Load::default();
    let full = (1..).find(|id| {
        let (cursor, what) = (cursor(*id), What::Event(event(*id, 1)));
        load.take(Item { cursor, what }, &mut track, router, None);
        load.is_full()
    });
    usize::try_from(full.expect("it has an end")).expect("few")
}

#[test]
fn res_13_a_load_takes_more_events_where_they_go_nowhere() {
    assert_eq!(filled(&Everything), 256);
    assert_eq!(filled(&Nothing), 1024);
}
