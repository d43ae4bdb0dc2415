//! Whether an event could be about another account.

use super::*;

fn told(picture: &mut Picture, payload: &str) -> bool {
    let mut event = event(payload);
    event.about = picture.hear(&event).about;
    picture.mark(&mut event);
    event.about_json().get("sole_account") == Some(&Value::Bool(true))
}

fn hit(account: &str) -> String {
    let trade = format!("trade-of-{account}");
    json!({ "type": "tp_hit", "data": { "trade_id": trade, "account_id": account, "tp_level": 1 } })
        .to_string()
}

const NOBODYS: &str = r#"{"type":"engine_status","data":{"status":"fine"}}"#;

#[test]
fn one_account_is_alone_until_another_is_heard_of() {
    let mut picture = empty();
    assert!(!told(&mut picture, NOBODYS), "none is known");
    assert!(told(&mut picture, &hit("a")));
    assert!(told(&mut picture, &hit("a")));
    assert!(told(&mut picture, NOBODYS));
    let update = json!({ "type": "position_update", "data": { "id": "p", "trade_id": "trade-of-a",
        "metaapi_position_id": "1", "accountId": "a" } })
    .to_string();
    for _ in 0..2 {
        assert!(told(&mut picture, &update), "also what is old news");
    }
    assert!(!told(&mut picture, &hit("b")), "the first one of another");
    assert!(!told(&mut picture, &hit("a")));
    let rows = picture.take_changes();
    let mut picture = Picture::load(source(), &rows);
    assert!(!told(&mut picture, &hit("a")), "also after a restart");
    picture.follow_one_account();
    assert!(told(&mut picture, &hit("a")), "the others are filtered out");
    assert!(told(&mut picture, NOBODYS));
}

#[test]
fn an_account_is_known_by_its_name_and_over_rest_as_well() {
    let mut picture = empty();
    let labelled =
        |label: &str| json!({ "type": "x", "data": { "account_label": label } }).to_string();
    assert!(told(&mut picture, &labelled("Main")));
    assert!(!told(&mut picture, &labelled("Other")));
    let mut picture = empty();
    assert!(told(&mut picture, &hit("a")));
    let other = json!({ "id": "t2", "status": "active", "account_id": "b" });
    picture.see_trade(&other, None, &gap());
    assert!(!told(&mut picture, &hit("a")));
}

#[test]
fn a_crowd_of_accounts_takes_no_more_room_than_two() {
    let mut picture = empty();
    for number in 0..1000 {
        told(&mut picture, &hit(&number.to_string()));
    }
    assert_eq!(picture.accounts.len(), 2);
}
