//! What of a text stands in its template, and what a value looks like in an address.

use super::{event, matches, render};
use crate::expr::{Scope, Template};

#[test]
fn an_event_without_a_time_has_that_of_its_arrival() {
    let mut event = event("{}");
    event.time = None;
    let template = Template::compile("{{ event.time }}").expect("right");
    let rendered = template.render(&Scope::new(&event));
    assert_eq!(rendered.as_deref(), Ok("2027-01-15T08:00:00Z"));
    assert_eq!(matches("event.time < '2026-06-12'", "{}"), Ok(true));
}

#[test]
fn literal_text_is_what_was_printed_without_what_was_looked_up() {
    let data = r#"{"role":"7","on":true,"tps":[1,2],"word":"here"}"#;
    for (source, literal) in [
        ("a {{ data.role }} b", "a \0 b"),
        // Nothing joins over a gap, whatever stood there.
        (
            "<@&{{ data.role }}> @{{ data.nothing }}here",
            "<@&\0> @\0here",
        ),
        ("{% if data.on %}<@1>{% else %}<@2>{% endif %}", "<@1>"),
        ("{% for tp in data.tps %}@{{ tp }}{% endfor %}", "@\0@\0"),
        ("{{ '@here' }} {{ '@' ~ data.word }}", "\0 \0"),
        // A condition sees the values all the same.
        ("{% if data.role == '7' %}<@&7>{% endif %}", "<@&7>"),
        // What is kept first and printed later may hold values, so it counts as one.
        ("{% set x %}@here{% endset %}{{ x }}", "\0"),
        (
            "{% filter upper %}@here{{ data.role }}{% endfilter %}",
            "\0",
        ),
        ("{# @everyone #}a", "a"),
    ] {
        let template =
            Template::compile(source).unwrap_or_else(|mistake| panic!("{source}: {mistake:?}"));
        let scope = Scope::new(&event(data));
        assert_eq!(template.literal(&scope).as_deref(), Ok(literal), "{source}");
        let whole = template.render(&scope).expect("it can be made");
        assert!(!whole.contains('\0'), "{source}");
    }
}

#[test]
fn urlencode_makes_a_part_of_an_address_with_the_upstreams_digits() {
    let data = r#"{"symbol":"GER 40&x=ä/b?#%","price":1.10,"none":null,"on":true}"#;
    for (source, expected) in [
        (
            "{{ data.symbol|urlencode }}",
            "GER%2040%26x%3D%C3%A4/b%3F%23%25",
        ),
        ("{{ data.price|urlencode }}", "1.10"),
        (
            "{{ data.on|urlencode }}{{ data.none|urlencode }}{{ data.nothing|urlencode }}",
            "true",
        ),
        (
            "{{ {'s': data.symbol, 'p p': data.price, 'n': data.none}|urlencode }}",
            "p%20p=1.10&s=GER%2040%26x%3D%C3%A4/b%3F%23%25",
        ),
    ] {
        assert_eq!(render(source, data).as_deref(), Ok(expected), "{source}");
    }
    let long = "{{ ('ä' * 20000)|urlencode }}";
    let long = long.replace("'ä' * 20000", "range(9000)|join('ää')");
    assert!(
        render(&long, "{}").is_err(),
        "three times as long is too long"
    );
}
