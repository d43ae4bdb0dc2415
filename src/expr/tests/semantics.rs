//! Conditions and keys: what is true of which event.

use super::{Expression, Scope, event, matches};

const DATA: &str = r#"{"symbol":"XAUUSD","pl":12.5,"level":2,"zero":0,"big":170141183460469231731687303715884105727,
    "open":true,"none":null,"signal":null,"tps":[3347.0,3352.0],"tp_hits":{"tp1":true},"empty":"","huge":1e400,
    "text_number":"12.5","list":[1,[2,null]],"same_list":[1.0,[2.0,null]]}"#;

fn check(rows: &[(&str, bool)]) {
    for (source, expected) in rows {
        assert_eq!(matches(source, DATA), Ok(*expected), "{source}");
    }
}

#[test]
fn comparing_values_of_one_type() {
    check(&[
        (r#"data.symbol == "XAUUSD""#, true),
        (r#"data.symbol != "XAUUSD""#, false),
        (r#"data.symbol == "EURUSD""#, false),
        (r#"data.symbol < "Z""#, true),
        ("data.pl > 0", true),
        ("data.pl >= 12.5", true),
        ("data.pl < 12.5", false),
        ("data.pl <= 12.5", true),
        ("data.level == 2", true),
        ("data.level == 2.0", true),
        ("data.level != 3", true),
        ("data.open == true", true),
        ("data.open != false", true),
        ("data.big == 170141183460469231731687303715884105727", true),
        ("data.big > data.level", true),
        ("data.huge > data.big", true),
        ("data.huge > 0", true),
        ("data.list == data.same_list", true),
        ("data.list != data.same_list", false),
        ("data.tps == [3347.0, 3352]", true),
        (r#"data.tp_hits == {"tp1": true}"#, true),
        (r#"data.tp_hits == {"tp2": true}"#, false),
        ("data.pl - 2.5 == 10", true),
        ("-data.level < 0", true),
    ]);
}

#[test]
fn comparing_with_something_missing_or_null_is_false() {
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        for (left, right) in [
            ("data.missing", "1"),
            ("1", "data.missing"),
            ("data.none", "1"),
            ("1", "data.none"),
            ("data.none", "data.none"),
            ("data.none", "data.missing"),
            ("data.missing.deep[3].er", r#""x""#),
            ("data.signal.signal_id", r#""x""#),
            ("data.pl.inside.a.number", "0"),
            ("data.tps[9]", "0"),
            ("data[data.missing]", "0"),
            ("event.id.x", "0"),
        ] {
            check(&[(&format!("{left} {operator} {right}"), false)]);
        }
    }
}

#[test]
fn comparing_different_types_is_false() {
    let values = [
        "data.pl",
        "data.symbol",
        "data.open",
        "data.tps",
        "data.tp_hits",
    ];
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        for left in values {
            for right in values.iter().filter(|right| **right != left) {
                check(&[(&format!("{left} {operator} {right}"), false)]);
            }
        }
    }
    check(&[
        (r#"data.pl == "12.5""#, false),
        ("data.text_number == 12.5", false),
        ("data.text_number|float == 12.5", true),
        ("data.open == 1", false),
        ("data.open < 2", false),
        (r#"[1] == ["1"]"#, false),
    ]);
}

#[test]
fn lists_maps_and_truth_values_have_no_order() {
    check(&[
        ("[1] < [2]", false),
        ("data.tps >= data.tps", false),
        ("data.tp_hits <= data.tp_hits", false),
        ("false < true", false),
    ]);
}

#[test]
fn chained_comparisons_hold_when_every_link_holds() {
    check(&[
        ("1 < data.level < 3", true),
        ("1 < data.level < 2", false),
        ("1 < data.level <= 2 < 12 < data.pl", true),
        ("1 < data.missing < 3", false),
        ("1 != data.missing != 3", false),
        ("1 < data.symbol < 3", false),
        (r#"1 < data.level in [2, 3]"#, true),
        (r#"1 < data.level not in [2, 3]"#, false),
        ("1 == 1 == true", false),
        ("not 1 < data.level < 3", false),
    ]);
}

#[test]
fn in_looks_into_lists_texts_and_maps() {
    check(&[
        (r#"data.symbol in ["XAUUSD", "XAGUSD"]"#, true),
        (r#"data.symbol in ("XAUUSD", "XAGUSD")"#, true),
        (r#"data.symbol not in ["XAUUSD"]"#, false),
        (r#""XAU" in data.symbol"#, true),
        (r#""tp1" in data.tp_hits"#, true),
        (r#""tp2" in data.tp_hits"#, false),
        ("3347 in data.tps", true),
        (r#""3347.0" in data.tps"#, false),
        ("data.missing in [1]", false),
        ("1 in data.missing", false),
        ("data.none in [none]", false),
        ("1 in data.symbol", false),
        ("1 in data.pl", false),
        ("1 in data.tp_hits", false),
        ("data.missing not in [1]", true),
    ]);
}

#[test]
fn tests_compare_as_operators_do() {
    check(&[
        ("data.missing is eq(1)", false),
        ("data.missing is ne(1)", false),
        ("data.missing is lt(1)", false),
        ("data.symbol is gt(1)", false),
        ("data.level is gt(1)", true),
        ("data.level is ge(2)", true),
        ("data.level is le(2)", true),
        (r#"data.symbol is equalto("XAUUSD")"#, true),
        (r#"data.symbol is in ["XAUUSD"]"#, true),
        ("data.missing is in [1]", false),
        ("data.tps|select('gt', 3350)|list|length == 1", true),
        ("data.list|select('gt', 0)|list|length == 1", true),
        ("data.none is none", true),
        ("data.missing is none", true),
        ("data.pl is none", false),
        ("data.none is defined", false),
        ("data.pl is defined", true),
        (r#"data.symbol is startingwith("XAU")"#, true),
        (r#"data.missing is startingwith("XAU")"#, false),
        ("data.level is even", true),
        ("data.missing is even", false),
        ("data.pl is number", true),
    ]);
}

#[test]
fn and_or_not_take_missing_as_false() {
    check(&[
        ("data.missing", false),
        ("not data.missing", true),
        ("data.missing or data.open", true),
        ("data.missing and data.open", false),
        ("data.open and data.missing", false),
        ("data.none or data.zero or data.empty", false),
        ("data.tps and data.symbol", true),
        ("data.missing > 1 or data.level == 2", true),
        ("not data.level == 2", false),
        ("data.symbol if data.open else data.missing", true),
    ]);
}

#[test]
fn the_event_itself_can_be_asked() {
    check(&[
        (r#"event.source == "ttmt""#, true),
        (r#"event.type == "tp_hit""#, true),
        (r#"event.id == "211""#, true),
        (r#"event.time >= "2026-06-11""#, true),
        ("event.backfilled", false),
        ("event.backfilled == false", true),
        ("event.colour", false),
    ]);
}

#[test]
fn data_may_be_a_text_a_number_or_nothing() {
    assert_eq!(matches(r#""hello" in data"#, "well hello"), Ok(true));
    assert_eq!(matches("data.x == 1", "well hello"), Ok(false));
    assert_eq!(matches("data == 5", "5"), Ok(true));
    assert_eq!(matches("data[0] == 5", "[5]"), Ok(true));
    assert_eq!(matches("data == 5 or data.x != 5", "null"), Ok(false));
    let mut bare = event("{}");
    bare.data = crate::model::DataAt::Missing;
    let expression = Expression::compile("data.x == 1 or data").expect("right");
    assert_eq!(expression.matches(&Scope::new(&bare)), Ok(false));
}

#[test]
fn a_key_is_text_or_nothing() {
    for (source, expected) in [
        ("data.symbol", Some("XAUUSD")),
        ("data.level", Some("2")),
        ("data.pl", Some("12.5")),
        ("data.open", Some("true")),
        ("data.tps[0]", Some("3347.0")),
        (r#"data.symbol ~ "/" ~ data.level"#, Some("XAUUSD/2")),
        ("data.empty", Some("")),
        ("data.missing", None),
        ("data.none", None),
        ("data.missing.deep", None),
    ] {
        let key = Expression::compile(source)
            .expect("right")
            .key(&Scope::new(&event(DATA)));
        assert_eq!(key, Ok(expected.map(str::to_owned)), "{source}");
    }
}

#[test]
fn a_key_has_a_limit() {
    let long = format!(
        r#"{{"id":"{}"}}"#,
        "x".repeat(Expression::KEY_BYTES_MAX + 1)
    );
    let fault = Expression::compile("data.id")
        .expect("right")
        .key(&Scope::new(&event(&long)))
        .expect_err("too long");
    assert_eq!(fault.to_string(), "the key is longer than 1024 bytes");
}

#[test]
fn a_fault_quotes_the_configuration_and_never_the_payload() {
    let data = r#"{"a":"geheim","b":[4711],"n":0}"#;
    for (source, expected) in [
        (
            "data.a + 1",
            "this cannot be done with these values: `data.a + 1`",
        ),
        (
            "4711 // data.n",
            "this cannot be done with these values: `4711 // data.n`",
        ),
        (
            "data.b * data.b > 1",
            "this cannot be done with these values: `data.b * data.b`",
        ),
        (
            "data.missing - 1 > 0",
            "this cannot be done with these values: `data.missing - 1`",
        ),
        (
            "data.a|round > 1",
            "this cannot be done with these values: `round`",
        ),
        ("data.b|map('nope')|list", "no such filter or test"),
    ] {
        let fault = matches(source, data).expect_err(source).to_string();
        assert!(fault.starts_with(expected), "{source}: {fault}");
        assert!(!fault.contains("geheim"), "{fault}");
    }
}
