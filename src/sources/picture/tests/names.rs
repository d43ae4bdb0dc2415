//! What an event is about, for events that do not say.

use super::*;

fn about(heard: Heard) -> Value {
    serde_json::from_slice(&heard.about.expect("names")).expect("JSON")
}

#[test]
fn res_11_a_position_named_by_its_uuid_alone_is_the_one_that_was_filled() {
    let mut picture = followed();
    for event in recorded(|id| (201..=218).contains(&id)) {
        picture.hear(&event);
    }
    let mut minimal = recorded(|id| id == 220).remove(0);
    assert_eq!(picture.look_up(&minimal), None, "it is known");
    minimal.about = picture.hear(&minimal).about;
    let data = minimal.data_named().expect("data");
    assert_eq!(data["symbol"], "XAUUSD");
    assert_eq!(data["trade_id"], GOLD);
    assert_eq!(data["account_label"], "Main Live");
    assert_eq!(data["currency"], "USD");
    let about = minimal.about_json();
    assert_eq!(about["position"]["entry_price"].to_string(), "3339.35");
    assert_eq!(about["trade"]["entry_price"].to_string(), "3342.13");
}

#[test]
fn res_11_an_unknown_uuid_says_what_has_to_be_read() {
    let mut picture = followed();
    let minimal = &recorded(|id| id == 220)[0];
    let wanted = LookUp {
        trade: None,
        position: POSITIONS[3].to_owned(),
    };
    assert_eq!(picture.look_up(minimal), Some(wanted));
    let row = position(3, 2, "3339.35", "2026-06-11T08:01:51.000Z", None);
    picture.see_positions(&[row], &gap());
    assert_eq!(picture.look_up(minimal), None);
    assert_eq!(about(picture.hear(minimal))["position"]["symbol"], "XAUUSD");
}

#[test]
fn an_event_that_names_its_symbol_needs_no_look_up() {
    let picture = followed();
    for event in recorded(|id| id != 219 && id != 220) {
        assert_eq!(picture.look_up(&event), None, "{event:?}");
    }
}

#[test]
fn ids_of_both_kinds_meet_and_a_single_position_joins_its_trade() {
    let mut picture = followed();
    // An update without a trade, then a close that knows the trade and the broker's id only.
    for event in recorded(|id| matches!(id, 241..=243)) {
        picture.hear(&event);
    }
    let opened = event(
        r#"{"type":"breakeven_set","data":{"position_id":"9ae1f653-7d0c-4b28-a94f-5c62b8e3d107"}}"#,
    );
    let about = about(picture.hear(&opened));
    assert_eq!(about["trade"]["id"], "3e69c0d7-f25b-4817-a4ce-b70d91e8f236");
    assert_eq!(about["position"]["metaapi_position_id"], "512911840");
    assert_eq!(picture.trades.len(), 1);
}

#[test]
fn events_about_nothing_that_is_known_have_no_names() {
    let mut picture = followed();
    for event in recorded(|id| matches!(id, 258 | 259)) {
        assert_eq!(picture.hear(&event), Heard::default());
    }
    assert!(
        picture.take_changes().len() <= 1,
        "only that it is complete"
    );
}

#[test]
fn updates_of_what_is_known_change_nothing() {
    let mut picture = followed();
    for event in recorded(|id| id <= 204) {
        picture.hear(&event);
    }
    picture.take_changes();
    for event in recorded(|id| (205..=207).contains(&id)) {
        assert_eq!(picture.hear(&event), Heard::default());
    }
    assert_eq!(picture.take_changes(), []);
}
