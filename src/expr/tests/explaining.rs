//! An expression that is false says which part of it made it so, and what that part saw.

use proptest::prelude::*;

use super::{Expression, Scope, event, matches};
use crate::expr::spelling;

const DATA: &str = r#"{"symbol":"XAUUSD","realized_pl":-3.20,"zero":0,"open":true,"closed":false,
    "none":null,"empty":"","tags":["a","b"],"deep":{"list":[{"x":1},{"x":2.50}]},"long":"LONG"}"#;

fn data() -> String {
    DATA.replace("LONG", &"long ".repeat(100))
}

/// Every cause as it is told.
fn causes(source: &str) -> Vec<String> {
    let expression = Expression::compile(source).expect("right");
    let causes = expression.why_false(&Scope::new(&event(&data())));
    causes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_part_that_is_false_is_told_with_its_values() {
    for (source, expected) in [
        // Of `and` the first that is false, of `or` all.
        (
            r#"data.symbol == "XAUUSD" and data.realized_pl > 0"#,
            &["`data.realized_pl > 0` is false: `data.realized_pl` is -3.20"][..],
        ),
        (
            r#"data.symbol == "EURUSD" and data.realized_pl > 0"#,
            &[r#"`data.symbol == "EURUSD"` is false: `data.symbol` is "XAUUSD""#],
        ),
        (
            "data.realized_pl > 0 or data.zero >= 1",
            &[
                "`data.realized_pl > 0` is false: `data.realized_pl` is -3.20",
                "`data.zero >= 1` is false: `data.zero` is 0",
            ],
        ),
        (
            "(data.zero > 1 or data.closed) and data.missing",
            &[
                "`data.zero > 1` is false: `data.zero` is 0",
                "`data.closed` is false",
            ],
        ),
        // What is missing is told as missing, null too.
        (
            "data.missing > 0",
            &["`data.missing > 0` is false: `data.missing` is missing"],
        ),
        (
            "data.none.x == 1",
            &["`data.none.x == 1` is false: `data.none.x` is missing"],
        ),
        ("data.missing", &["`data.missing` is missing"]),
        ("data.zero", &["`data.zero` is 0"]),
        ("data.empty", &[r#"`data.empty` is """#]),
        (
            "position.volume > 1",
            &["`position.volume > 1` is false: `position.volume` is missing"],
        ),
        // `not` says what is true.
        (
            "not data.open",
            &["`not data.open` is false: `data.open` is true"],
        ),
        (
            "not (data.open and data.symbol)",
            &["`data.open` is true", r#"`data.symbol` is "XAUUSD""#],
        ),
        (
            "not not data.closed",
            &["`not data.closed` is true: `data.closed` is false"],
        ),
        (
            "data.symbol not in ['XAUUSD', 'EURUSD']",
            &[r#"`data.symbol not in ["XAUUSD", "EURUSD"]` is false: `data.symbol` is "XAUUSD""#],
        ),
        (
            "data.symbol is not defined",
            &[r#"`data.symbol is not defined` is false: `data.symbol` is "XAUUSD""#],
        ),
        // Chains, filters, arithmetic, places.
        (
            "-1 < data.zero < 0",
            &["`-1 < data.zero < 0` is false: `data.zero` is 0"],
        ),
        (
            "data.symbol|lower == 'xau'",
            &[r#"`data.symbol|lower == "xau"` is false: `data.symbol` is "XAUUSD""#],
        ),
        (
            "(data.zero + data.deep.list[1].x) * 2 > data.deep['list'][0]['x'] + 9",
            &[
                "`((data.zero + data.deep.list[1].x) * 2) > (data.deep[\"list\"][0][\"x\"] + 9)` is false: \
               `data.zero` is 0, `data.deep.list[1].x` is 2.50, `data.deep[\"list\"][0][\"x\"]` is 1",
            ],
        ),
        (
            "data.tags|length > 2",
            &[r#"`data.tags|length > 2` is false: `data.tags` is ["a", "b"]"#],
        ),
        (
            "event.type == 'sl_hit'",
            &[r#"`event.type == "sl_hit"` is false: `event.type` is "tp_hit""#],
        ),
        // A choice is told with what chose.
        (
            "data.zero > 3 if data.open else true",
            &[
                "`data.open` is true",
                "`data.zero > 3` is false: `data.zero` is 0",
            ],
        ),
        ("1 if data.closed", &["`data.closed` is false"]),
        // Nothing is looked up.
        ("1 > 2", &["`1 > 2` is false"]),
        // True, or no answer at all: nothing to tell.
        ("data.open", &[]),
        ("data.symbol * 2.5 > 0", &[]),
        ("1 // 0", &[]),
    ] {
        assert_eq!(causes(source), expected, "{source}");
    }
}

#[test]
fn an_explanation_is_short_whatever_the_values_and_the_expression() {
    let told = causes("data.long == 'x' or data == 1");
    assert_eq!(told.len(), 2);
    for cause in &told {
        assert!(
            cause.contains('…') && cause.chars().count() < 300,
            "{cause}"
        );
    }
    let many = |count: usize| vec!["data.zero > 1"; count].join(" or ");
    assert_eq!(causes(&many(100)).len(), 100);
    assert_eq!(causes(&many(101)), [""; 0], "told as a whole");
    assert_eq!(matches(&many(101), DATA), Ok(false));
}

/// Conditions as people write them, and worse.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "data.symbol == 'XAUUSD'",
        "data.realized_pl > 0",
        "data.realized_pl < -3 < data.zero",
        "data.missing != 1",
        "data.missing",
        "data.open",
        "data.zero",
        "data.empty",
        "-data.realized_pl ** 2 > 0",
        "-(data.realized_pl ** 2) < 0",
        "2 ** -data.zero == 1",
        "(data.zero - 1) ** 2 == 1",
        "1 - (2 - data.zero) == -1",
        "data.symbol|lower|first in 'xyz'",
        "(-data.realized_pl)|abs > 3",
        "'b' in data.tags",
        "'it\\'s \"\\n' ~ data.zero == data.symbol",
        "data.tags[1:] == ['b']",
        "data.deep.list|map(attribute='x')|sum > 3",
        "{'a': data.zero}.a is odd",
        "data.symbol is startingwith('XA')",
        "data.zero is not divisibleby 2",
        "data.symbol * 2.5 > 1",
        "(1, data.zero)|length == 2",
        "range(3)|length == 3",
        "1.5e3 > 10",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 30, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) == ({b})")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.clone().prop_map(|a| format!("not {a}")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} if {b})")),
        ]
    })
}

proptest! {
    #[test]
    fn an_expression_is_explained_as_false_exactly_when_it_is(source in condition()) {
        let Ok(expression) = Expression::compile(&source) else { return Ok(()) };
        let scope = Scope::new(&event(DATA));
        let explained = expression.explained(&scope);
        match (expression.matches(&scope), explained) {
            (Ok(truth), Some((explained, causes))) => {
                prop_assert_eq!(truth, explained, "{}", source);
                prop_assert!(!causes.is_empty());
                for cause in causes.iter().filter(|cause| !cause.part.ends_with('…')) {
                    // What is told can be read again and is what it is told to be.
                    let again = matches(&cause.part, DATA);
                    prop_assert_eq!(again, Ok(cause.holds), "{} of {}", cause.part, source);
                }
            }
            (Err(_), None) => {}
            (truth, explained) => prop_assert!(false, "{}: {:?} {:?}", source, truth, explained),
        }
        prop_assert_eq!(!expression.why_false(&scope).is_empty(), expression.matches(&scope) == Ok(false));
    }

    #[test]
    fn a_spelling_means_what_was_written(source in condition()) {
        let Ok(expression) = Expression::compile(&source) else { return Ok(()) };
        let written = spelling::of(&expression.0.parsed().expect("was read before"));
        let again = Expression::compile(&written);
        prop_assert!(again.is_ok(), "{:?}: {} of {}", again, written, source);
        let scope = Scope::new(&event(DATA));
        let truth = |expression: &Expression| expression.matches(&scope).ok();
        prop_assert_eq!(again.ok().map(|again| truth(&again)), Some(truth(&expression)), "{}", written);
    }
}
