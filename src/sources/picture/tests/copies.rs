//! One happening rings once, whichever account of it comes first.

use super::*;

#[test]
fn res_3_a_late_copy_of_what_rest_told_is_recognised_for_every_type() {
    let mut picture = followed();
    picture.see_trade(&gold(), None, &gap());
    let late = recorded(|id| (201..=232).contains(&id));
    let (copies, others): (Vec<Event>, Vec<Event>) =
        late.into_iter().partition(|event| picture.hear(event).copy);
    let mut counts = BTreeMap::new();
    for copy in &copies {
        *counts.entry(copy.kind.to_string()).or_insert(0) += 1;
    }
    let counts: Vec<(&str, usize)> = counts
        .iter()
        .map(|(kind, count)| (&**kind, *count))
        .collect();
    assert_eq!(counts, PROVEN);
    assert!(
        others.iter().all(|event| {
            ["position_update", "order_cancelled", "take_profit_modified"].contains(&&*event.kind)
                || event
                    .data_json()
                    .is_some_and(|data| data["symbol"] == "EURUSD")
        }),
        "{others:#?}"
    );
}

#[test]
fn res_3_a_copy_of_a_copy_is_one_too_after_a_restart() {
    let mut picture = followed();
    picture.see_trade(&gold(), None, &gap());
    let hit = &recorded(|id| id == 215)[0];
    assert!(picture.hear(hit).copy);
    let rows = picture.take_changes();
    let mut picture = Picture::load(source(), &rows);
    assert!(picture.is_complete());
    assert!(picture.hear(hit).copy);
    assert!(picture.see_trade(&gold(), None, &gap()).is_empty());
}

#[test]
fn what_was_silently_known_does_not_hush_the_stream() {
    let mut picture = empty();
    picture.see_trade(&gold(), None, &reading(Since::Now));
    for event in recorded(|id| (201..=232).contains(&id)) {
        assert!(!picture.hear(&event).copy, "{event:?}");
    }
}

#[test]
fn res_10_hits_of_one_level_are_several_events_and_one_fact() {
    let mut picture = followed();
    for event in recorded(|id| (201..=232).contains(&id)) {
        picture.hear(&event);
    }
    for event in recorded(|id| matches!(id, 215 | 217)) {
        assert!(!picture.hear(&event).copy, "the stream may repeat itself");
    }
    assert!(picture.see_trade(&gold(), None, &gap()).is_empty());
}

/// A hit that names its trade and level only.
fn anonymous(second: u32) -> Event {
    event(&format!(
        r#"{{"type":"tp_hit","timestamp":"2026-06-11T12:{second:02}:00.000Z","data":{{"trade_id":"{GOLD}","tp_level":1}}}}"#
    ))
}

#[test]
fn res_10_a_hit_without_a_position_stands_for_those_with_one() {
    let mut picture = followed();
    for event in recorded(|id| (201..=207).contains(&id)) {
        picture.hear(&event);
    }
    assert!(!picture.hear(&anonymous(0)).copy);
    let found = picture.see_trade(&gold(), None, &gap());
    let hits = found.iter().filter(|one| one.kind() == "tp_hit").count();
    assert_eq!(hits, 2, "those of the second level");
}

#[test]
fn where_rest_told_only_the_level_time_tells_a_copy_from_a_new_hit() {
    let mut bare = gold();
    bare["status"] = "active".into();
    bare["positions"] = json!([]);
    let mut picture = followed();
    picture.see_trade(&bare, None, &gap());
    assert!(picture.hear(&recorded(|id| id == 215)[0]).copy);
    assert!(picture.hear(&anonymous(0)).copy, "before the reading");
    assert!(!picture.hear(&anonymous(30)).copy, "half an hour after it");
}

#[test]
fn the_same_finding_has_the_same_identity_and_no_two_share_one() {
    let find = || {
        let found = followed().see_trade(&gold(), None, &gap());
        let events = found.into_iter().map(|one| one.event(&source(), gap().at));
        let identities = events.map(|event| event.identity.expect("an identity").0);
        identities.collect::<Vec<_>>()
    };
    let (first, second) = (find(), find());
    assert_eq!(first, second);
    let distinct: BTreeSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), first.len());
}
