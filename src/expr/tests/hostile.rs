//! Nothing that stands in a file or arrives in an event may hang, fill the memory or panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Expression, Scope, Template, event, matches, render};

/// Far above what the limits allow on a slow machine, far below a hang.
const PATIENCE: Duration = Duration::from_secs(20);

fn check(source: &str, data: &str) {
    let start = Instant::now();
    if let Ok(template) = Template::compile(source) {
        let fault = template.render(&Scope::new(&event(data)));
        assert!(
            fault.is_err(),
            "{source}: {:?}",
            fault.map(|text| text.len())
        );
    }
    assert!(start.elapsed() < PATIENCE, "{source}");
}

#[test]
fn runaway_templates_are_faults() {
    let letters = format!(r#"{{"text":"{}","n":1000000000}}"#, "a".repeat(100_000));
    for source in [
        r#"{{ "x" * 10**9 }}"#,
        r#"{{ "x" * data.n }}"#,
        r#"{{ ("x" * 60000) ~ ("x" * 60000) }}"#,
        "{{ range(10**9)|list|length }}",
        "{{ range(data.n) }}",
        "{{ range(9223372036854775807, -9223372036854775807, -1) }}",
        "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}",
        "{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}",
        "{% for i in range(5000) %}{{ data.text }}{% endfor %}",
        "{% for i in range(9000) %}{{ 'xxxxxxxxxxxxxxxx' }}{% endfor %}",
        "{{ data.text }}",
        "{{ data.text|replace('a', data.text) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ ([1] * 10**8)|join }}",
        "{{ ([1] * 10**8)|string }}",
        "{{ [1] * 10**8 }}",
        "{{ 10**10**10 }}",
        "{{ 1 // 0 }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for i in range(10000) %}{% if data.text == data.text %}{% endif %}{% endfor %}",
        "{% for i in range(10000) %}{% if 'b' in data.text %}{% endif %}{% endfor %}",
        "{{ [1]|tojson(9999999999) }}",
        "{{ [1]|tojson(indent=9999999999)|length }}",
        "{{ data|tojson(indent=data.n)|length }}",
        "{{ range(10000)|tojson(indent=99999999)|length }}",
        "{{ range(10000)|tojson(indent=7)|length }}",
    ] {
        check(source, &letters);
    }
}

#[test]
fn what_lines_are_moved_in_by_is_counted_before_it_is_made() {
    let nested = "[".repeat(100) + &"1,".repeat(40_000) + "1" + &"]".repeat(100);
    for source in [
        "{{ data|tojson(indent=1)|length }}",
        "{{ data|tojson(true)|length }}",
        "{{ data|tojson(indent=18446744073709551615)|length }}",
    ] {
        check(source, &nested);
    }
    let both = r#"{"a":[1,{"b":2}]}"#;
    let moved = "{\n  &quot;a&quot;: [\n    1,\n    {\n      &quot;b&quot;: 2\n    }\n  ]\n}";
    let moved = moved.replace("&quot;", "\"");
    for indent in ["true", "2", "indent=2"] {
        let source = format!("{{{{ data|tojson({indent}) }}}}");
        assert_eq!(render(&source, both), Ok(moved.clone()), "{indent}");
    }
    for plain in ["{{ data|tojson }}", "{{ data|tojson(false) }}"] {
        let same: serde_json::Value =
            serde_json::from_str(&render(plain, both).expect("is made")).expect("JSON");
        assert_eq!(same.to_string(), both, "{plain}");
    }
}

#[test]
fn values_that_grow_by_sharing_are_faults() {
    let doubling = "{% set x = [1] %}".to_owned() + &"{% set x = [x, x] %}".repeat(60);
    let maps = "{% set x = {} %}".to_owned() + &"{% set x = {'a': x, 'b': x} %}".repeat(60);
    let sums = "{% set x = [1] %}".to_owned() + &"{% set x = x + x %}".repeat(60);
    let deep = "{% set x = [1] %}".to_owned() + &"{% set x = [x] %}".repeat(600);
    for end in [
        "{{ x }}",
        "{{ x ~ x }}",
        "{{ x|join }}",
        "{{ x|tojson }}",
        "{{ x == x }}",
        "{{ x|sort }}",
        "{{ x|list|length }}",
    ] {
        for start in [&doubling, &maps, &deep] {
            check(&format!("{start}{end}"), "{}");
        }
        let start = Instant::now();
        let _ = render(&format!("{sums}{end}"), "{}");
        assert!(start.elapsed() < PATIENCE, "{end}");
    }
}

#[test]
fn sources_that_would_exhaust_the_stack_are_mistakes() {
    for source in [
        "not ".repeat(4000) + "1",
        "-".repeat(16_000) + "1",
        "(".repeat(8_000) + "1" + &")".repeat(8_000),
        "[".repeat(8_000),
        "1 if 1 else ".repeat(1_300) + "1",
        vec!["1"; 1_000].join(" ~ "),
        vec!["1"; 1_000].join(" + "),
        vec!["1"; 1_000].join(" and "),
        vec!["1"; 1_000].join("**"),
        "data".to_owned() + &".a".repeat(1_900),
        "data".to_owned() + &"[0]".repeat(1_000),
        "data".to_owned() + &"|upper".repeat(1_900),
        "1 is ".repeat(1_000) + "odd",
        "x".repeat(16 * 1024 + 1),
    ] {
        assert!(Expression::compile(&source).is_err(), "{}", &source[..40]);
        assert!(
            Template::compile(&format!("{{{{ {source} }}}}")).is_err(),
            "{}",
            &source[..40]
        );
    }
    for source in [
        "{% if 1 %}".repeat(1_000),
        "{% if 1 %}".to_owned() + &"{% elif 1 %}".repeat(1_000) + "{% endif %}",
        "{% for i in [1] %}".repeat(500) + &"{% endfor %}".repeat(500),
    ] {
        assert!(Template::compile(&source).is_err(), "{}", &source[..40]);
    }
}

#[test]
fn what_people_write_is_far_from_the_limits() {
    let chain = vec!["data.x"; 60].join(" ~ ");
    assert!(Expression::compile(&chain).is_ok());
    let symbols: Vec<_> = (0..500).map(|number| format!("'SYMBOL{number}'")).collect();
    let list = format!("data.symbol in [{}]", symbols.join(", "));
    assert_eq!(matches(&list, r#"{"symbol":"SYMBOL499"}"#), Ok(true));
    let nested = "(".repeat(20) + "data.x" + &")".repeat(20);
    assert!(Expression::compile(&nested).is_ok());
    let branches =
        "{% if data.x == 1 %}a".to_owned() + &"{% elif data.x == 2 %}b".repeat(40) + "{% endif %}";
    assert!(Template::compile(&branches).is_ok());
    let rows = "{% for i in range(500) %}{{ i }}: {{ data.x|money('USD') }}, {% endfor %}";
    assert!(render(rows, r#"{"x":1.5}"#).is_ok());
    let text = format!(r#"{{"x":"{}"}}"#, "é".repeat(32_000));
    assert!(render("{{ data.x }}", &text).is_ok());
}

#[test]
fn data_nested_ten_thousand_deep_fails_whoever_asks_for_it() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let mut subject = event("{}");
    subject.payload = deep.into_bytes().into();
    subject.data = crate::model::DataAt::Json {
        start: 0,
        end: 20_000,
    };
    let scope = Scope::new(&subject);
    let told = |fault: super::Fault| fault.without_source().to_owned();
    for source in ["data == 1", "data[0][0] != 1", "data", "data is defined"] {
        let expression = Expression::compile(source).expect("right");
        let fault = expression.matches(&scope).map_err(told);
        let words = "the data has too many levels or values to be read".to_owned();
        assert_eq!(fault, Err(words.clone()), "{source}");
        let bundle = Scope::bundle(
            &[subject.clone(), event("{}")],
            &super::super::Beside::default(),
        );
        let template =
            Template::compile_coalesced("{% for one in events %}{{ one.data.a }}{% endfor %}");
        let rendered = template.expect("right").render(&bundle.expect("events"));
        assert_eq!(rendered.map_err(told), Err(words));
    }
    for (levels, expected) in [
        (127, Ok(true)),
        (
            128,
            Err("the data has too many levels or values to be read".to_owned()),
        ),
    ] {
        let nested = "[".repeat(levels) + &"]".repeat(levels);
        let found = matches("data is defined", &nested).map_err(told);
        assert_eq!(found, expected, "{levels}");
    }
    let beside = Expression::compile("event.type == 'tp_hit' or data.a").expect("right");
    assert_eq!(beside.matches(&scope), Ok(true), "nobody has asked");
    let open = "[".repeat(120) + &"]".repeat(120);
    assert!(render("{{ data }}{{ data|tojson }}{{ [data] == [data] }}", &open).is_ok());
}

#[test]
fn odd_payloads_do_no_harm() {
    for data in [
        r#"{"a":1e-400,"a":2}"#,
        r#"{"a":-1e400}"#,
        r#"{"a":18446744073709551616}"#,
        r#"{"a":99999999999999999999999999999999999999999999999999}"#,
        r#"{"a":"\u0000\ud83d\ude00"}"#,
        r#"{"":{"":[]}}"#,
        "\"text\"",
        "",
        "\u{0}",
        "{",
    ] {
        for source in [
            "data.a > 0",
            "data.a == data.a",
            "data.a ~ data",
            "data.a|money",
            "data|tojson",
            "data.a in data",
            "-data.a",
            "data.a // 2",
            "data.a % 0",
            "data.a ** 2 ** 9",
            "data.a[::-1]",
            "data[data.a]",
            "data.a|int",
            "data.a|round(400)",
            "data.a|abs",
        ] {
            let _ = matches(source, data);
            let _ = render(&format!("{{{{ {source} }}}}"), data);
        }
    }
}

const DATA: &str =
    r#"{"a":1,"b":"text","c":[1,2.50,null],"d":{"e":true},"f":-9223372036854775808,"g":1e308}"#;

/// Sources made of the language's own words, most of them wrong and many of them right.
fn source() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "data",
        "data.a",
        "data.b",
        "data.c",
        "data.d",
        "data.f",
        "data.g",
        "event.type",
        "x",
        "1",
        "0",
        "2.5",
        "-",
        "+",
        "*",
        "**",
        "/",
        "//",
        "%",
        "~",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "in",
        "not",
        "not in",
        "and",
        "or",
        "is",
        "none",
        "defined",
        "odd",
        "in [1]",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "|",
        "|upper",
        "|money",
        "|ago",
        "|price(1)",
        "|pips(1, 2)",
        "|local('UTC', 's')",
        "|join",
        "|sort",
        "|first",
        "|round",
        "|tojson",
        "|map('upper')",
        "if",
        "else",
        ".",
        "'s'",
        "\"t\"",
        "[::-1]",
        "[1:]",
        "range(",
        "9223372036854775807",
        "true",
        "for",
        "{{",
        "}}",
        "{%",
        "%}",
        "set",
        "endfor",
        "-9223372036854775808",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn random_sources_never_panic(source in source()) {
        if let Ok(expression) = Expression::compile(&source) {
            let scope = Scope::new(&event(DATA));
            let _ = expression.matches(&scope);
            let _ = expression.key(&scope);
        }
        for text in [source.clone(), format!("{{{{ {source} }}}}"), format!("{{% if {source} %}}x{{% endif %}}")] {
            if let Ok(template) = Template::compile(&text) {
                let _ = template.render(&Scope::new(&event(DATA)));
            }
        }
    }

    #[test]
    fn random_text_and_payloads_never_panic(source in "\\PC{0,60}", data in "\\PC{0,60}") {
        let scope = Scope::new(&event(&data));
        if let Ok(expression) = Expression::compile(&source) {
            let _ = expression.matches(&scope);
        }
        if let Ok(template) = Template::compile(&source) {
            let _ = template.render(&scope);
        }
    }
}
