//! Where the next connection resumes, and what replays, restarts and late events do to that.

use super::*;

const UNKNOWN: Cursor = Cursor::Unknown;

fn after(id: u64) -> Cursor {
    Cursor::At(id.to_string())
}

fn resume(id: u64) -> Beat {
    Beat::Item(Item {
        cursor: cursor(id),
        what: What::Resume,
    })
}

fn without_id(mark: u8) -> Beat {
    let mut event = event(0, 1);
    event.id = None;
    event.identity = None;
    event.payload = Bytes::from(vec![mark]);
    beat(What::Event(event))
}

#[tokio::test(start_paused = true)]
async fn res_1_the_cursor_survives_a_restart() {
    let script = vec![open([told(1, 1), told(2, 2)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world
        .until("both events", |world| world.disk.ids() == [1, 2])
        .await;
    world.task.abort();
    let disk = world.disk.survivor();
    let mut world = Setup::new(Kind::Ttmt, vec![]).disk(disk).start();
    world.attempts(1).await;
    assert_eq!(world.feed.cursors(), [after(2)]);
}

#[tokio::test(start_paused = true)]
async fn res_1_feed_l4_a_kill_before_the_commit_leaves_the_older_cursor() {
    let script = vec![open([told(2, 2), told(3, 3)])];
    let disk = Disk::at(after(1));
    disk.busy.send_replace(true);
    let mut world = Setup::new(Kind::Ttmt, script).disk(disk).start();
    world
        .until("the commit", |world| world.disk.tries() == 1)
        .await;
    world.task.abort();
    assert_eq!(world.disk.checkpoint().cursor, after(1));
    assert!(world.disk.ids().is_empty());
    let disk = world.disk.survivor();
    let mut world = Setup::new(Kind::Ttmt, vec![]).disk(disk).start();
    world.attempts(1).await;
    assert_eq!(world.feed.cursors(), [after(1)]);
}

#[tokio::test(start_paused = true)]
async fn res_3_a_replayed_event_has_no_second_effect() {
    let script = vec![
        open([told(1, 1), told(2, 2), Beat::End(End::Eof)]),
        open([told(1, 1), told(2, 2), told(3, 3)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world
        .until("the third event", |world| world.disk.ids() == [1, 2, 3])
        .await;
    let source = world.source();
    assert_eq!((source.events, source.repeated), (3, 2));
    assert_eq!(world.disk.checkpoint().epoch, 0, "a replay is no restart");
    assert_eq!(world.disk.checkpoint().high_id, Some(3));
}

#[tokio::test(start_paused = true)]
async fn res_4_when_ids_start_over_every_event_is_taken_in_and_an_epoch_recorded() {
    let script = vec![
        open([told(98, 1), told(99, 2), Beat::End(End::Eof)]),
        open([told(1, 3), told(2, 4), Beat::End(End::Eof)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(3).await;
    assert_eq!(world.disk.ids(), [98, 99, 1, 2]);
    assert_eq!(world.feed.cursors()[2], after(2), "the cursor followed");
    assert_eq!(world.disk.checkpoint().epoch, 1);
    world
        .until("the notice", |world| {
            !world.said("bellwire.epoch").is_empty()
        })
        .await;
    let said = world.said("bellwire.epoch")[0];
    assert_eq!((&said["epoch"], &said["id"]), (&1.into(), &"1".into()));
}

#[tokio::test(start_paused = true)]
async fn res_3_res_4_without_times_only_an_event_that_is_new_shows_that_ids_started_over() {
    let timeless = |id: u64, said: i64| {
        let mut event = event(id, said);
        event.time = None;
        Beat::Item(Item {
            cursor: cursor(id),
            what: What::Event(event),
        })
    };
    let mut script = vec![open([
        timeless(1, 1),
        timeless(2, 1),
        timeless(3, 1),
        Beat::End(End::Eof),
    ])];
    // What is replayed, by itself and together with something new.
    script.push(open([timeless(2, 1), timeless(3, 1), Beat::End(End::Eof)]));
    script.push(open([
        timeless(2, 1),
        timeless(3, 1),
        timeless(4, 1),
        Beat::Pause(Duration::from_secs(60)),
        Beat::End(End::Eof),
    ]));
    // A server that counts from 1 again, and says something else.
    script.push(open([timeless(1, 2), timeless(2, 2)]));
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(3).await;
    world
        .until("the new event", |world| world.disk.ids() == [1, 2, 3, 4])
        .await;
    tokio::time::advance(Duration::from_secs(50)).await;
    assert!(world.said("bellwire.epoch").is_empty(), "only replays");
    world.attempts(4).await;
    world
        .until("the notice", |world| {
            !world.said("bellwire.epoch").is_empty()
        })
        .await;
    assert_eq!(world.said("bellwire.epoch")[0]["id"], "1");
    assert_eq!(world.disk.ids(), [1, 2, 3, 4, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn res_5_an_event_out_of_order_moves_nothing_back() {
    let script = vec![open([
        told(5, 5),
        Beat::Pause(Duration::from_secs(1)),
        told(4, 4),
        Beat::Pause(Duration::from_secs(1)),
        Beat::End(End::Eof),
    ])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    assert_eq!(world.disk.ids(), [5, 4], "it is taken in all the same");
    assert_eq!(world.feed.cursors()[1], after(5));
    assert_eq!(world.disk.checkpoint().high_id, Some(5));
    assert_eq!(world.disk.checkpoint().epoch, 0);
}

#[tokio::test(start_paused = true)]
async fn feed_l1_the_cursor_survives_connections_that_send_no_id() {
    let script = vec![
        open([told(5, 1), recycle()]),
        open([without_id(1), recycle()]),
        open([without_id(2), recycle()]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(4).await;
    assert_eq!(
        world.feed.cursors(),
        [UNKNOWN, after(5), after(5), after(5)]
    );
}

#[tokio::test(start_paused = true)]
async fn feed_l2_an_id_without_data_is_part_of_the_cursor() {
    let script = vec![open([told(5, 1), resume(6), Beat::End(End::Eof)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    assert_eq!(world.feed.cursors(), [UNKNOWN, after(6)]);
    assert_eq!(world.disk.checkpoint().cursor, after(6));
}

#[tokio::test(start_paused = true)]
async fn feed_l2_an_id_without_data_that_comes_alone_is_stored_too() {
    let script = vec![open([resume(6)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world
        .until("the cursor", |world| {
            world.disk.checkpoint().cursor == after(6)
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn feed_l5_events_without_ids_are_never_repeats_of_each_other() {
    let script = vec![open([told(1, 1), without_id(1), without_id(1)])];
    let mut world = Setup::new(Kind::Sse, script).start();
    world
        .until("three events", |world| world.source().events == 3)
        .await;
    assert_eq!(world.disk.checkpoint().cursor, after(1));
}

#[tokio::test(start_paused = true)]
async fn feed_l6_cleared_by_the_server_is_stored_as_such() {
    let cleared = Beat::Item(Item {
        cursor: Some(Cursor::Cleared),
        what: What::Resume,
    });
    let script = vec![open([told(5, 1), cleared, Beat::End(End::Eof)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    assert_eq!(world.feed.cursors()[1], Cursor::Cleared);
    assert_eq!(world.disk.checkpoint().cursor, Cursor::Cleared);
}

#[tokio::test(start_paused = true)]
async fn feed_l7_an_unusable_id_is_counted_and_the_older_cursor_stays() {
    let script = vec![open([
        told(5, 1),
        without_id(1),
        beat(What::UnusableId),
        Beat::End(End::Eof),
    ])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    assert_eq!(world.feed.cursors()[1], after(5));
    assert_eq!(world.source().unusable_ids, 1);
}

#[tokio::test(start_paused = true)]
async fn feed_l9_a_cursor_that_is_refused_twice_is_given_up_and_that_is_said() {
    for code in [400, 412, 416] {
        let script = vec![
            refuse(status(code)),
            refuse(status(code)),
            open([told(9, 9), Beat::End(End::Eof)]),
        ];
        let disk = Disk::at(after(5));
        let mut world = Setup::new(Kind::Sse, script).disk(disk).start();
        world.attempts(4).await;
        assert_eq!(
            world.feed.cursors(),
            [after(5), after(5), Cursor::Cleared, after(9)]
        );
        let said = world.said("bellwire.gap");
        assert_eq!(said.len(), 1, "never silently");
        assert_eq!(said[0]["after"], "5");
        assert!(said[0]["reason"].to_string().contains("refuses to resume"));
    }
}

#[tokio::test(start_paused = true)]
async fn feed_l9_a_refusal_that_goes_on_without_the_cursor_does_not_cost_it() {
    let script = (0..4).map(|_| refuse(status(412))).collect();
    let disk = Disk::at(after(5));
    let mut world = Setup::new(Kind::Sse, script).disk(disk).start();
    world.attempts(5).await;
    assert_eq!(
        world.feed.cursors(),
        [after(5), after(5), Cursor::Cleared, after(5), after(5)]
    );
    assert_eq!(world.said("bellwire.gap").len(), 1, "and it is said once");
    assert_eq!(world.disk.checkpoint().cursor, after(5));
}

#[tokio::test(start_paused = true)]
async fn err_4_feed_l9_a_400_of_ttmt_is_never_repeated_unchanged() {
    let script = (0..9).map(|_| refuse(status(400))).collect();
    let disk = Disk::at(after(5));
    let mut world = Setup::new(Kind::Ttmt, script).disk(disk).start();
    world.pass(Duration::from_hours(24)).await;
    assert_eq!(world.feed.cursors(), [after(5), Cursor::Cleared]);
    let fault = world.source().fault.expect("a fault");
    assert!(fault.contains("`account_id`"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn feed_l9_a_400_without_a_cursor_says_nothing_about_one() {
    let script = (0..4).map(|_| refuse(status(400))).collect();
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(4).await;
    assert!(world.said("bellwire.gap").is_empty());
    assert_eq!(world.waits(), [60, 60, 60], "at the slow pace");
}
