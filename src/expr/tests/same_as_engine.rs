//! Apart from comparisons, a rewritten template does exactly what the engine does with it as written.

use proptest::prelude::*;

use super::{Scope, Template, event};
use crate::expr::engine::ENGINE;

const DATA: &str =
    r#"{"a":3,"b":"text","c":[3,1,2],"d":{"e":true,"f":"g"},"t":true,"z":0,"none":null}"#;

fn check(source: &str) {
    let scope = Scope::new(&event(DATA));
    let ours = Template::compile(source)
        .unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}"))
        .render(&scope);
    let engines = ENGINE.render_named_str("", source, scope.root());
    match (&ours, &engines) {
        (Ok(ours), Ok(engines)) => assert_eq!(ours, engines, "{source}"),
        (Err(_), Err(_)) => {}
        _ => panic!("{source}: {ours:?} but {engines:?}"),
    }
}

#[test]
fn everything_but_comparisons_is_left_alone() {
    for source in [
        "plain text, {braces}, 100%, # and {{ '{{' }}",
        "a {%- if data.t -%}  b  {%- endif -%} c",
        "a\n{%- if data.t %}\n  b\n{% endif -%}\n\nc\n",
        "line\n",
        "{# a comment #}x{#- another -#} y",
        "{% raw %}{{ data.a }} {% if %}{% endraw %}",
        "{{ 1 + 2 * 3 - 4 // 2 ** 2 % 3 / 5 }}",
        "{{ (1 + 2) * 3 }} {{ -2 ** 2 }} {{ -(2 ** 2) }} {{ 2 ** 3 ** 2 }} {{ -data.a }} {{ - -data.a }}",
        "{{ 1 - 2 - 3 }} {{ 8 / 4 / 2 }} {{ 1 ~ 2 + 3 ~ 4 }} {{ 'a' ~ 'b' * 2 }}",
        "{{ not data.t or data.t and not data.z }} {{ data.z or data.b }} {{ data.b and data.a }}",
        r#"{{ "\"quoted\" \\ \n \u00e9 'single'" }} {{ 'it\'s' }} {{ "a" "b" }}"#,
        "{{ data.b[1:3] }} {{ data.b[::-1] }} {{ data.c[:2] }} {{ data.c[1:][0] }} {{ data.b[-1] }} {{ data.c.0 }} {{ data['b'] }}",
        "{{ data.b|upper|replace('T', 'x') }} {{ data.c|sort|join(',') }} {{ -1|abs }} {{ data.c|join(data.b|upper) }}",
        "{{ data.c|map('string')|list }} {{ data.c|first }} {{ data.c|sum + 1 }} {{ data.d|items|list }} {{ data.c|sort(reverse=true) }}",
        "{{ data.a is odd }} {{ data.a is not odd }} {{ data.a is divisibleby 3 }} {{ data.b is string and data.c is sequence }}",
        "{{ 'yes' if data.t else 'no' }} {{ 'a' if data.z else 'b' if data.z else 'c' }} [{{ 'x' if data.z }}]",
        "{{ ('a' if data.t else 'b') ~ 'c' }} {{ 'a' if data.t else 'b' ~ 'c' }}",
        "{% for x in data.c %}{{ loop.index }}/{{ loop.length }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
        "{% for x in data.c if x is odd %}{{ x }}{% else %}none{% endfor %}{% for x in [] %}a{% else %}b{% endfor %}",
        "{% for k, v in data.d|items %}{{ k }}={{ v }};{% endfor %}{% for k in data.d %}{{ k }}{% endfor %}",
        "{% for x in [[1, [2, [3]]]] recursive %}({{ x if x is number else loop(x) }}){% endfor %}",
        "{% for x in data.c %}{{ loop.cycle('a', 'b') }}{% endfor %}",
        "{% set x = data.a %}{{ x }}{% set a, b = 1, data.b %}{{ b ~ a }}{% set t = (1, data.a) %}{{ t }}",
        "{% set x %}in {{ data.b }}{% endset %}{{ x|upper }}{% set y | upper %}quiet{% endset %}{{ y }}",
        "{% with x = 1, y = data.a %}{{ x + y }}{% endwith %}{% filter upper|trim %} loud {{ data.b }} {% endfilter %}",
        "{% if data.z %}a{% elif data.t %}b{% else %}c{% endif %}{% if data.z %}a{% else %}d{% endif %}",
        "{{ [data.a, 'x', [data.b]] }} {{ (data.a, 1) }} {{ {'k': data.a, 'l': {'m': 1}} }} {{ () }} {{ [1, 2] }} {{ {'a': 1} }}",
        "{{ range(3)|list }} {{ range(1, 10, 3)|join('-') }}",
        "{{ data.missing }}{{ data.none }}{{ data.missing.x.y }}[{{ data.missing|default('d') }}]",
        "{{ data.a + data.b }}",
        "{{ data.missing + 1 }}",
        "{{ data.c.x.y }}",
        "{{ 1 // 0 }}",
        "{{ data.b|round }}",
        "{{ true }} {{ none }} {{ 1.0 }} {{ 1e3 }} {{ 0x1f }} {{ 1_000 }} {{ 2.50 }}",
        "{{ '%s %d %.2f'|format(data.b, data.a, 2.345) }} {{ data.c|tojson }}",
    ] {
        check(source);
    }
}

/// Comparisons of two texts or two numbers mean the same to the engine and to us.
#[test]
fn comparisons_keep_their_precedence() {
    for source in [
        "{{ 1 + 1 == 2 }} {{ 1 == 1 and 2 == 2 }} {{ not 1 == 2 }}",
        "{{ 'a' ~ 'b' == 'ab' }} {{ data.a * 2 >= 6 }} {{ -data.a < 0 }} {{ data.a == 3 if data.t else 4 }}",
        "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 in data.c }} {{ 9 not in data.c }} {{ not 3 in data.c }}",
        "{{ data.c|length == 3 }} {{ data.b == 'text' and data.a == 3 or data.z == 1 }} {{ data.a is odd == true }}",
        "{% for x in data.c if x > 1 %}{{ x }}{% endfor %}{% if data.a == 3 %}yes{% endif %}{{ [1 == 1, 2 > 3] }}",
        "{{ {'k': 1 == 1}['k'] }} {{ data.c[1 if data.a == 3 else 2] }}",
    ] {
        check(source);
    }
}

/// Right expressions without a comparison.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "2.5",
        "'s'",
        "\"a\\n\"",
        "true",
        "data.a",
        "data.b",
        "data.c",
        "data.d.f",
        "data.z",
        "data.missing",
        "data.c[0]",
        "[1, data.a]",
        "{'k': data.b}",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "//", "%", "and", "or"]);
        let filter = prop::sample::select(vec![
            "upper",
            "string",
            "length",
            "default('x')",
            "first",
            "join('-')",
            "money",
            "price",
            "ago",
            "sort|list",
        ]);
        let test = prop::sample::select(vec!["odd", "defined", "string", "none", "not number"]);
        prop_oneof![
            (inner.clone(), operator.clone(), inner.clone())
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), filter).prop_map(|(a, filter)| format!("{a}|{filter}")),
            (inner.clone(), test).prop_map(|(a, test)| format!("{a} is {test}")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("{a} if {b} else {c}")),
            // Of `~` only the text of its operands is ours, so it is compared on texts.
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("(({a})|string ~ ({b})|string)")),
            inner.clone().prop_map(|a| format!("not {a}")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("[{a}, {b}][1:]")),
        ]
    })
}

proptest! {
    #[test]
    fn random_templates_without_comparisons_are_left_alone(a in expression(), b in expression()) {
        let source = format!("x {{{{ {a} }}}}\n{{%- for i in [1, 2] %}}{{{{ i }}}}{{% if {b} %}} y {{% endif -%}} z{{% endfor %}}");
        if Template::compile(&source).is_ok() {
            check(&source);
        }
    }
}
