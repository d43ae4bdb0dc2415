//! The exact edges of what is remembered, of what counts as missed, and of what an account may change.

use super::super::bounds::{FINISHED_KEPT, SINGLES_MAX, TRADES_MAX};
use super::super::record::{ENDS_MAX, Ids, Told, Trade};
use super::*;

/// A reading of everything since this moment.
fn since(moment: &str) -> Reading {
    reading(Since::Moment(time(moment)))
}

fn single(number: usize, stop: f64) -> Event {
    let data = json!({ "id": format!("s{number}"), "metaapi_position_id": format!("b{number}"), "trade_id": null, "stop_loss": stop });
    event(
        &json!({ "type": "position_update", "timestamp": "2026-06-11T10:00:00Z", "data": data })
            .to_string(),
    )
}

fn see(picture: &mut Picture, number: usize, status: &str) {
    let trade = json!({ "id": format!("t{number}"), "status": status, "positions": [] });
    picture.see_trade(&trade, None, &gap());
}

#[test]
fn finished_trades_go_down_to_what_is_kept_once_they_are_a_quarter_more() {
    let mut picture = followed();
    let most = FINISHED_KEPT + FINISHED_KEPT / 4;
    for number in 0..most {
        see(&mut picture, number, "closed_loss");
    }
    assert_eq!(picture.trades.len(), most);
    see(&mut picture, most, "closed_loss");
    assert_eq!(picture.trades.len(), FINISHED_KEPT);
}

#[test]
fn what_is_finished_counts_as_finished_after_a_restart() {
    let mut picture = followed();
    for (number, status) in ["closed_loss", "closed_profit", "failed", "active"]
        .iter()
        .enumerate()
    {
        see(&mut picture, number, status);
    }
    let again = Picture::load(source(), &picture.take_changes());
    assert_eq!((picture.finished, again.finished), (3, 3));
}

#[test]
fn a_tenth_goes_where_there_is_no_room_and_the_two_limits_are_apart() {
    let mut picture = followed();
    for number in 0..SINGLES_MAX {
        picture.hear(&single(number, 1.0));
    }
    assert_eq!(picture.trades.len(), SINGLES_MAX);
    picture.hear(&single(SINGLES_MAX, 1.0));
    let singles = SINGLES_MAX - SINGLES_MAX / 10 + 1;
    assert_eq!(picture.trades.len(), singles);
    for number in 0..TRADES_MAX {
        see(&mut picture, number, "active");
    }
    assert_eq!(picture.trades.len(), singles + TRADES_MAX);
    see(&mut picture, TRADES_MAX, "active");
    let trades = TRADES_MAX - TRADES_MAX / 10 + 1;
    assert_eq!(picture.trades.len(), singles + trades);
}

#[test]
fn what_was_written_down_a_little_before_the_gap_is_missed_too() {
    // Two positions closed half a second before.
    let found = followed().see_trade(&gold(), None, &since("2026-06-11T08:07:29.200Z"));
    let expected = [
        ("position_closed", 2),
        ("tp_hit", 2),
        ("trade_finalized", 1),
    ];
    assert_eq!(kinds(&found), expected);
}

#[test]
fn a_hit_without_which_the_stream_told_a_close_is_missed_where_the_gap_is_near() {
    // The close was written down at 08:05:12.900.
    for (moment, hits) in [
        ("2026-06-11T08:05:00Z", 1),
        ("2026-06-11T08:07:12.900Z", 1),
        ("2026-06-11T08:07:12.901Z", 0),
    ] {
        let mut picture = followed();
        for event in recorded(|id| (201..=232).contains(&id) && id != 217) {
            picture.hear(&event);
        }
        let found = picture.see_trade(&gold(), None, &since(moment));
        let expected: &[_] = if hits == 1 { &[("tp_hit", 1)] } else { &[] };
        assert_eq!(kinds(&found), expected, "{moment}");
    }
}

#[test]
fn an_answer_changes_the_state_of_a_finished_trade_only_if_it_is_as_new() {
    let mut picture = followed();
    for (kind, moment, status) in [
        ("trade_executed", "2026-06-11T08:00:00Z", "active"),
        ("trade_finalized", "2026-06-11T08:10:00Z", "closed_loss"),
    ] {
        let told = json!({ "type": kind, "timestamp": moment, "data": { "trade_id": "t", "status": status } });
        picture.hear(&event(&told.to_string()));
    }
    for (moment, status, is_status) in [
        ("2026-06-11T08:09:59Z", "needs_recovery", "closed_loss"),
        (
            "2026-06-11T08:10:00Z",
            "closed_breakeven",
            "closed_breakeven",
        ),
        ("2026-06-11T08:20:00Z", "closed_profit", "closed_profit"),
    ] {
        let shown = json!({ "id": "t", "status": status, "updated_at": moment });
        picture.see_trade(&shown, None, &gap());
        assert_eq!(picture.trades["t:t"].members["status"], is_status);
    }
}

#[test]
fn res_12_two_ends_of_a_trade_are_two_happenings_and_its_beginning_is_one() {
    let find = |status: &str, kind: &str| {
        let mut trade = gold();
        trade["status"] = status.into();
        let found = followed().see_trade(&trade, None, &gap());
        let one = found.into_iter().find(|one| one.kind() == kind);
        one.expect("it is found").event(&source(), gap().at)
    };
    let identity = |status, kind| find(status, kind).identity.expect("an identity").0;
    let (early, late) = ("needs_recovery", "closed_profit");
    assert_ne!(
        identity(early, "trade_finalized"),
        identity(late, "trade_finalized")
    );
    assert_eq!(
        identity(early, "trade_executed"),
        identity(late, "trade_executed")
    );
    let executed = find(late, "trade_executed").data_json().expect("data");
    assert_eq!(executed["status"], "active", "as it was then");
    let over = find(late, "trade_finalized").data_json().expect("data");
    assert_eq!(over["status"], late);
}

#[test]
fn an_update_of_a_single_position_that_is_known_is_passed_over_like_any_other() {
    let mut picture = followed();
    picture.hear(&single(1, 1.0));
    picture.take_changes();
    assert_eq!(picture.hear(&single(1, 2.0)), Heard::default());
    assert_eq!(picture.take_changes(), []);
}

#[test]
fn res_10_a_hit_without_a_position_stays_one_when_a_hit_with_one_follows() {
    let mut picture = followed();
    for event in recorded(|id| (201..=207).contains(&id)) {
        picture.hear(&event);
    }
    let told = json!({ "type": "tp_hit", "timestamp": "2026-06-11T08:05:13Z", "data": { "trade_id": GOLD, "tp_level": 1 } });
    picture.hear(&event(&told.to_string()));
    picture.hear(&recorded(|id| id == 215)[0]);
    let found = picture.see_trade(&gold(), None, &gap());
    let hits = found.iter().filter(|one| one.kind() == "tp_hit").count();
    assert_eq!(hits, 2, "those of the second level");
}

#[test]
fn res_5_a_position_that_was_heard_as_the_request_left_is_not_gone() {
    let mut picture = followed();
    let told = single(1, 1.0);
    picture.hear(&told);
    for (milliseconds, is_gone) in [(0, false), (1, true)] {
        let reading = Reading {
            begun: told.received + SignedDuration::from_millis(milliseconds),
            ..gap()
        };
        let (found, _) = picture.see_positions(&[], &reading);
        assert_eq!(!found.is_empty(), is_gone);
    }
}

#[test]
fn a_single_position_that_only_rest_knew_is_told_as_closed_when_it_left_the_list() {
    let mut picture = followed();
    let row = json!({ "id": "s", "metaapi_position_id": "9", "symbol": "GBPJPY", "trade_id": null, "status": "open" });
    assert_eq!(picture.see_positions(&[row], &gap()), (vec![], vec![]));
    let later = Reading {
        begun: time("2026-06-11T12:05:00Z"),
        at: time("2026-06-11T12:05:01Z"),
        ..gap()
    };
    let (found, unread) = picture.see_positions(&[], &later);
    assert_eq!(kinds(&found), [("position_closed", 1)]);
    assert!(unread.is_empty());
}

#[test]
fn a_bare_id_that_shares_a_number_with_a_single_position_is_not_told_as_closed() {
    let mut picture = followed();
    picture.hear(&single(1, 1.0));
    let bare = json!({ "type": "breakeven_set", "timestamp": "2026-06-11T10:00:00Z", "data": { "position_id": "other", "metaapi_position_id": "b1" } });
    picture.hear(&event(&bare.to_string()));
    let (found, _) = picture.see_positions(&[], &gap());
    assert_eq!(found.len(), 1);
    let closed = found[0].clone().event(&source(), gap().at);
    assert_eq!(json_of(&closed)["data"]["id"], "s1");
}

#[test]
fn the_first_look_at_open_positions_is_silent_about_their_fills() {
    let mut picture = empty();
    let row = position(0, 1, "3342.1", "2026-06-11T07:58:03.600Z", None);
    picture.see_positions(std::slice::from_ref(&row), &reading(Since::Now));
    picture.complete(gap().at);
    let mut trade = gold();
    trade["status"] = "active".into();
    trade["positions"] = json!([row]);
    let found = picture.see_trade(&trade, None, &gap());
    assert!(found.iter().any(|one| one.kind() == "trade_executed"));
    assert!(!found.iter().any(|one| one.kind() == "order_fill"));
}

#[test]
fn an_active_trade_is_asked_for_however_long_it_was_quiet_and_an_odd_one_for_a_week() {
    let mut picture = followed();
    see(&mut picture, 1, "active");
    see(&mut picture, 2, "limbo");
    let after = |quiet| {
        let mut open = picture.open_trades(gap().at + quiet);
        open.sort_unstable();
        open
    };
    let week = SignedDuration::from_hours(7 * 24);
    assert_eq!(after(week), ["t1", "t2"]);
    assert_eq!(after(week + SignedDuration::from_millis(1)), ["t1"]);
    assert_eq!(after(week * 50), ["t1"]);
}

#[test]
fn a_member_is_kept_unless_it_is_too_long_and_says_whether_it_is_new() {
    let mut kept = read::Members::new();
    let mut keep = |text: &str| {
        let from = json!({ "symbol": text });
        let changed = read::keep(from.as_object().expect("members"), &["symbol"], &mut kept);
        (changed, kept["symbol"].clone())
    };
    let (longest, longer) = ("x".repeat(510), "x".repeat(511));
    assert_eq!(keep("A"), (true, "A".into()));
    assert_eq!(keep("A"), (false, "A".into()));
    assert_eq!(keep(&longest), (true, longest.as_str().into()), "512 bytes");
    assert_eq!(keep(&longer), (false, longest.as_str().into()));
}

#[test]
fn two_halves_of_a_position_are_a_single_one_if_either_was_shown_as_one() {
    let id = Some("p".to_owned());
    let broker = Some("1".to_owned());
    for is_single in [[false, true], [true, false], [true, true], [false, false]] {
        let mut entry = Trade::new(None, gap().at);
        let halves = [(id.clone(), None), (None, broker.clone())];
        for ((id, broker), single) in halves.into_iter().zip(is_single) {
            let ids = Ids { id, broker };
            entry.position(&ids, gap().at).expect("room").single = single;
        }
        assert_eq!(entry.positions.len(), 2);
        let ids = Ids {
            id: id.clone(),
            broker: broker.clone(),
        };
        let whole = entry.position(&ids, gap().at).expect("it is known");
        assert_eq!(whole.single, is_single.contains(&true), "{is_single:?}");
        assert_eq!(entry.positions.len(), 1);
    }
}

#[test]
fn a_trade_remembers_so_many_ends_and_goes_on_hearing_of_those() {
    let mut trade = Trade::new(Some("t".to_owned()), gap().at);
    for number in 0..ENDS_MAX + 2 {
        trade.set_end(&format!("closed_{number}"), Told::Stream);
    }
    assert_eq!(trade.ends.len(), ENDS_MAX);
    trade.set_end("closed_0", Told::Backfill);
    assert_eq!(trade.end("closed_0"), Told::Backfill);
}
