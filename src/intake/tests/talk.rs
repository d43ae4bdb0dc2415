//! What people hear: a source that is lost and found, events that were skipped, and the names of ends.

use std::collections::HashSet;

use super::*;
use crate::intake::words;
use crate::model::Failure;

const MINUTE: Duration = Duration::from_mins(1);

fn unreachable(times: usize) -> Vec<Act> {
    (0..times)
        .map(|_| refuse(End::Unreachable(Failure::Dns)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_source_that_stays_away_is_reported_once_and_so_is_its_return() {
    let mut world = Setup::new(Kind::Sse, unreachable(12)).start();
    world.pass(2 * MINUTE - Duration::from_secs(1)).await;
    assert!(world.notices.is_empty());
    world.pass(Duration::from_secs(2)).await;
    let said = world.said("bellwire.source_lost");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["source"], "ttmt");
    assert_eq!(said[0]["reason"], "the host name does not resolve");
    world
        .until("the return", |world| {
            !world.said("bellwire.source_recovered").is_empty()
        })
        .await;
    world.pass(60 * MINUTE).await;
    assert_eq!(world.said("bellwire.source_lost").len(), 1);
    assert_eq!(world.said("bellwire.source_recovered").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_was_away_until_it_connected_and_not_until_that_was_seen_to_last() {
    let three = Duration::from_secs(3);
    let quiet = open([]);
    let event = open([Beat::Pause(three), told(1, 1)]);
    for last in [quiet, event] {
        let mut script = unreachable(12);
        script.extend([open([Beat::End(End::Eof)]), last]);
        let mut world = Setup::new(Kind::Sse, script).start();
        let said = |world: &World| world.said("bellwire.source_recovered").len();
        world.until("the return", |world| said(world) > 0).await;
        let connected = world.feed.attempts().last().expect("some").at;
        let away = &world.said("bellwire.source_recovered")[0]["away_seconds"];
        assert_eq!(*away, connected.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_comes_back_in_time_is_not_worth_a_word() {
    let mut world = Setup::new(Kind::Sse, unreachable(5)).start();
    world.pass(60 * MINUTE).await;
    assert!(world.source().connected);
    assert!(world.notices.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_open_is_not_lost_while_it_has_still_to_prove_itself() {
    let script = vec![open([Beat::Pause(MINUTE), Beat::End(End::Eof)])];
    let mut setup = Setup::new(Kind::Sse, script);
    setup.lost_after = Duration::from_secs(1);
    let mut world = setup.start();
    world.pass(MINUTE / 2).await;
    assert!(world.source().connected);
    assert!(world.notices.is_empty(), "{:?}", world.notices);
}

#[tokio::test(start_paused = true)]
async fn streams_that_open_and_die_at_once_do_not_hide_the_loss() {
    let script = (0..30).map(|_| open([Beat::End(End::Eof)])).collect();
    let mut world = Setup::new(Kind::Sse, script).start();
    world.pass(10 * MINUTE).await;
    assert_eq!(world.said("bellwire.source_lost").len(), 1);
    assert!(world.said("bellwire.source_recovered").is_empty());
}

#[tokio::test(start_paused = true)]
async fn ctrl_1_recycles_do_not_count_as_absence_however_often_they_come() {
    let script = (0..200)
        .map(|_| open([Beat::Pause(Duration::from_secs(2)), recycle()]))
        .collect();
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(200).await;
    assert!(world.notices.is_empty(), "{:?}", world.notices);
}

#[tokio::test(start_paused = true)]
async fn a_parked_source_is_lost_too() {
    let mut world = Setup::new(Kind::Sse, vec![refuse(status(410))]).start();
    world.pass(60 * MINUTE).await;
    let said = world.said("bellwire.source_lost");
    assert_eq!(said.len(), 1);
    assert!(said[0]["reason"].to_string().contains("410"));
}

#[tokio::test(start_paused = true)]
async fn sse_7_a_wrong_content_type_is_tried_slowly_and_is_a_fault_until_a_stream_opens() {
    let script = vec![refuse(End::ContentType("text/html".to_owned()))];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(1).await;
    let fault = world.source().fault.expect("a fault");
    assert!(fault.contains("text/html"), "{fault}");
    world.attempts(2).await;
    assert_eq!(world.waits(), [30]);
    world
        .until("no fault", |world| world.source().fault.is_none())
        .await;
}

#[tokio::test(start_paused = true)]
async fn sse_5_sse_6_skipped_events_move_the_cursor_and_are_counted_in_one_notice_a_minute() {
    let skipped = |id: u64| {
        Beat::Item(Item {
            cursor: cursor(id),
            what: What::Skipped {
                bytes: 5_000_000 + id,
                id: Some(id.to_string()),
            },
        })
    };
    let undecodable = Beat::Item(Item {
        cursor: cursor(9),
        what: What::Undecodable {
            reason: "no JSON".to_owned(),
        },
    });
    let mut beats = vec![told(1, 1), skipped(2), Beat::Pause(Duration::from_secs(1))];
    beats.extend((3..=8).map(skipped));
    beats.extend([undecodable, told(10, 2)]);
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world
        .until("the last event", |world| world.disk.ids() == [1, 10])
        .await;
    assert_eq!(world.disk.checkpoint().cursor, Cursor::At("10".to_owned()));
    let source = world.source();
    assert_eq!((source.skipped, source.undecodable), (7, 1));
    let said = world.said("bellwire.event_skipped");
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["bytes"], 5_000_002);
    assert_eq!(
        (&said[0]["id"], &said[0]["count"]),
        (&"2".into(), &1.into())
    );
    world.pass(2 * MINUTE).await;
    let said = world.said("bellwire.event_skipped");
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(
        (&said[1]["id"], &said[1]["count"]),
        (&"9".into(), &7.into())
    );
    assert!(said[1]["reason"].to_string().contains("no JSON"));
}

#[tokio::test(start_paused = true)]
async fn a_skipped_event_alone_moves_the_stored_cursor() {
    let skipped = Beat::Item(Item {
        cursor: cursor(2),
        what: What::Skipped { bytes: 9, id: None },
    });
    let mut world = Setup::new(Kind::Ttmt, vec![open([skipped])]).start();
    world
        .until("the cursor", |world| {
            world.disk.checkpoint().cursor == Cursor::At("2".to_owned())
        })
        .await;
}

#[test]
fn feed_t6_every_end_has_its_own_name() {
    let ends = [
        End::Unreachable(Failure::Refused),
        End::Unreachable(Failure::Dns),
        End::Unreachable(Failure::Tls("alert".to_owned())),
        End::Unreachable(Failure::ConnectTimeout),
        End::NoHead,
        status(204),
        status(503),
        status(599),
        End::ContentType("text/html".to_owned()),
        End::Encoding("gzip".to_owned()),
        End::Redirect("to another origin".to_owned()),
        End::Eof,
        End::EofInEvent,
        End::Broken(Failure::Reset),
        End::Idle,
        End::TooOld,
        End::Flood,
        End::Recycled,
        End::AuthRevoked,
        End::Library("x".to_owned()),
    ];
    let names: HashSet<_> = ends.iter().map(words::name).collect();
    assert_eq!(names.len(), ends.len());
}
