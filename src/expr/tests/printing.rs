//! Templates: what values look like.

use super::{Scope, Template, event, render};

const DATA: &str = r#"{"symbol":"XAUUSD","price":3347.0,"exact":1.10,"whole":12,"tiny":0.00001,"exp":1e5,"huge":1e400,
    "long":0.1234567890123456789,"big":123456789012345678901234567890,"minus":-3.20,"zero":-0,"flat":0.0,"open":true,"none":null,
    "tps":[3348.00,3352.50,null],"id":"7c4f9e12-a6b3-4d58-8e07-2f91c5d3b640","currency":"USD","quote":"<b> & \"x\"","amount":"12.345"}"#;

fn check(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        assert_eq!(render(source, DATA).as_deref(), Ok(*expected), "{source}");
    }
}

#[test]
fn numbers_keep_the_upstreams_digits() {
    check(&[
        ("{{ data.price }}", "3347.0"),
        ("{{ data.exact }}", "1.10"),
        ("{{ data.whole }}", "12"),
        ("{{ data.tiny }}", "0.00001"),
        ("{{ data.exp }}", "1e+5"),
        ("{{ data.huge }}", "1e+400"),
        ("{{ data.long }}", "0.1234567890123456789"),
        ("{{ data.big }}", "123456789012345678901234567890"),
        ("{{ data.minus }}", "-3.20"),
        ("{{ data.zero }}", "-0"),
        ("{{ data.exact|price }}", "1.10"),
        ("{{ data.exact|string }}", "1.10"),
        (r#"{{ "at " ~ data.exact ~ "!" }}"#, "at 1.10!"),
        (r#"{{ data.tps|join(" / ") }}"#, "3348.00 / 3352.50 / "),
        (
            "{% for tp in data.tps %}[{{ tp }}]{% endfor %}",
            "[3348.00][3352.50][]",
        ),
        ("{% set x = data.exact %}{{ x }}", "1.10"),
        ("{{ data.tps }}", "[3348.00, 3352.50, null]"),
        (
            "{{ {'k': [data.exact, 'text', true]} }}",
            r#"{"k": [1.10, "text", true]}"#,
        ),
    ]);
}

#[test]
fn two_spellings_of_one_number_print_as_the_first() {
    for (data, expected) in [
        (r#"{"a":1.1,"b":1.10}"#, "1.1 1.1"),
        (r#"{"a":1.10,"b":1.1}"#, "1.10 1.10"),
    ] {
        assert_eq!(
            render("{{ data.a }} {{ data.b }}", data).as_deref(),
            Ok(expected)
        );
    }
}

#[test]
fn numbers_remain_numbers() {
    check(&[
        ("{{ data.exact + 1 }}", "2.1"),
        ("{{ data.exact * 100 > 100 }}", "true"),
        ("{{ (data.price - 3340.5)|round(1) }}", "6.5"),
        ("{{ data.tps[0] - data.tps[1] }}", "-4.5"),
        ("{{ data.whole // 5 }}", "2"),
        ("{{ data.exact is number }}", "true"),
        ("{{ 'flat' if not data.flat else 'up' }}", "flat"),
    ]);
}

#[test]
fn missing_and_null_print_as_nothing_and_truth_as_in_json() {
    check(&[
        ("[{{ data.missing }}]", "[]"),
        ("[{{ data.none }}]", "[]"),
        ("[{{ none }}]", "[]"),
        ("[{{ data.none.deep[1] }}]", "[]"),
        (r#"{{ "a" ~ data.none ~ data.missing ~ "b" }}"#, "ab"),
        (r#"{{ data.none|default("-") }}"#, "-"),
        (r#"{{ data.missing|default("-") }}"#, "-"),
        ("{{ data.open }}", "true"),
        ("{{ data.open ~ '' }}", "true"),
        ("{{ event.backfilled }}", "false"),
        ("{{ event.time }}", "2026-06-11T07:58:03.612Z"),
        ("{{ data.quote }}", "<b> & \"x\""),
    ]);
}

#[test]
fn filters_for_traders() {
    check(&[
        ("{{ data.exact|money }}", "+1.10"),
        ("{{ data.minus|money }}", "-3.20"),
        ("{{ data.flat|money }}", "0.00"),
        ("{{ (0 - 0.001)|money }}", "0.00"),
        ("{{ data.whole|money }}", "+12.00"),
        ("{{ data.whole|money(data.currency) }}", "+12.00 USD"),
        ("{{ data.whole|money(data.missing) }}", "+12.00"),
        ("{{ data.amount|money('EUR') }}", "+12.35 EUR"),
        ("[{{ data.missing|money('EUR') }}]", "[]"),
        ("{{ data.huge|money }}", "1e+400"),
        ("{{ data.symbol|money }}", "XAUUSD"),
        ("{{ data.id|short }}", "7c4f9e12"),
        ("[{{ data.missing|price }}]", "[]"),
        ("{{ data.exact|price }}", "1.10"),
        ("[{{ data.missing|short }}]", "[]"),
        ("{{ data.symbol|lower|upper }}", "XAUUSD"),
        ("{{ data.exact|round }}", "1.0"),
        ("{{ '%.3f'|format(data.exact) }}", "1.100"),
        ("{{ data.quote|tojson|length > 2 }}", "true"),
        ("{{ data.none|tojson }}", "null"),
        (
            "{{ {'a': data.symbol, 'b': [data.whole]}|tojson }}",
            r#"{"a": "XAUUSD", "b": [12]}"#,
        ),
    ]);
}

#[test]
fn a_coalesced_message_sees_its_events_oldest_first() {
    let events = [
        event(r#"{"symbol":"XAUUSD","pl":1.10}"#),
        event(r#"{"symbol":"EURUSD","pl":2}"#),
    ];
    let scope = Scope::bundle(&events, &crate::expr::Beside::default()).expect("not empty");
    for (source, expected) in [
        ("{{ count }}", "2"),
        ("{{ data.symbol }}", "EURUSD"),
        (
            "{% for e in events %}{{ loop.index }}:{{ e.event.type }}:{{ e.data.symbol }}:{{ e.data.pl }} {% endfor %}",
            "1:tp_hit:XAUUSD:1.10 2:tp_hit:EURUSD:2 ",
        ),
        (
            r#"{{ events|join(", ", attribute="data.symbol") }}"#,
            "XAUUSD, EURUSD",
        ),
        (r#"{{ events|map(attribute="data.pl")|sum }}"#, "3.1"),
        (
            r#"{{ events|selectattr("data.pl", "gt", 1.5)|list|length }}"#,
            "1",
        ),
        ("{{ events[0].data.symbol }}", "XAUUSD"),
    ] {
        let text = Template::compile_coalesced(source)
            .unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}"))
            .render(&scope);
        assert_eq!(text.as_deref(), Ok(expected), "{source}");
    }
    assert!(Scope::bundle(&[], &crate::expr::Beside::default()).is_none());
}
