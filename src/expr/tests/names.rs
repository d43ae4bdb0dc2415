//! Mistakes that are found when the configuration is read.

use super::{Expression, Mistake, Template, mistake};
use crate::expr::Compiled;

fn check_expression(source: &str, message: &str, help: Option<&str>) {
    let mistake = mistake(source, Expression::compile(source));
    assert_eq!(mistake.message, message, "{source}");
    if let Some(help) = help {
        assert_eq!(mistake.help.as_deref(), Some(help), "{source}");
    }
}

fn check_template(source: &str, message: &str, line: usize) {
    let mistake = mistake(source, Template::compile(source));
    assert_eq!(
        (mistake.message.as_str(), mistake.line),
        (message, Some(line)),
        "{source}"
    );
}

#[test]
fn unknown_names_are_mistakes_with_a_suggestion() {
    check_expression(
        "dta.x == 1",
        "unknown variable `dta`",
        Some("did you mean `data`?"),
    );
    check_expression(
        "evnt.type",
        "unknown variable `evnt`",
        Some("did you mean `event`?"),
    );
    check_expression(
        "symbol == 'X'",
        "unknown variable `symbol`",
        Some("possible are `event`, `data`, `trade`, `position`"),
    );
    check_expression(
        "count > 1",
        "unknown variable `count`",
        Some("`count` exists only in the texts of rules with `coalesce` or `digest`"),
    );
    check_expression("data.x is nul", "unknown test `nul`", None);
    check_expression(
        "data.x == null",
        "unknown variable `null`",
        Some("to ask for a missing value, write `data.x is none` or `data.x is not none`"),
    );
    check_expression(
        "data.x|uper == 'X'",
        "unknown filter `uper`",
        Some("did you mean `upper`?"),
    );
    check_expression(
        "data.x is od",
        "unknown test `od`",
        Some("did you mean `odd`?"),
    );
    check_expression(
        "rnge(3)",
        "unknown function `rnge`",
        Some("did you mean `range`?"),
    );
    check_expression(
        "upper(data.x)",
        "`upper` is a filter, not a function",
        Some("write `value|upper`"),
    );
    check_expression(
        "data.symbol.startswith('X')",
        "values have no method `startswith`",
        None,
    );
    check_expression(
        "data.x == none",
        "comparing with `none` is always false",
        Some("write `is none` or `is not none`"),
    );
    check_expression(
        "1 < 2 != none",
        "comparing with `none` is always false",
        None,
    );
    for gone in [
        "debug()",
        "namespace()",
        "dict()",
        "loop.index",
        "self.x()",
        "super()",
        "caller()",
    ] {
        assert!(Expression::compile(gone).is_err(), "{gone}");
    }
    for gone in ["batch", "groupby", "pprint", "safe", "zip"] {
        assert!(
            Expression::compile(&format!("data|{gone}")).is_err(),
            "{gone}"
        );
    }
}

#[test]
fn a_comparison_with_none_is_told_on_the_line_of_none() {
    for (source, line) in [
        ("1 < 2 != none", 1),
        ("none == data.x", 1),
        ("data.x > 1 or\ndata.y == none", 2),
        ("data.x >\n1 and\nnone != data.y", 3),
    ] {
        let mistake = mistake(source, Expression::compile(source));
        assert_eq!(mistake.line, Some(line), "{source}");
    }
    // Whatever else is put together from its first word on.
    let deep = format!("1{}", " + 1".repeat(200));
    let mistake = mistake(&deep, Expression::compile(&deep));
    assert_eq!(mistake.line, Some(1), "{}", mistake.message);
}

#[test]
fn every_mistake_of_a_text_is_told_with_its_line_and_its_suggestion() {
    let told = |mistakes: Vec<Mistake>| -> Vec<_> {
        let told = mistakes.into_iter();
        told.map(|it| (it.line, it.message, it.help.unwrap_or_default()))
            .collect()
    };
    let expected = |rows: &[(usize, &str, &str)]| -> Vec<_> {
        let rows = rows.iter();
        rows.map(|(line, message, help)| (Some(*line), (*message).into(), (*help).into()))
            .collect()
    };
    let template = "{{ dta.x|uper }} {{ dta.y }}\n\
        {% if rnge(evnt.id) is od %}{% set x = data.z|monney %}{{ x }}\n\
        {{ dta.x|ago('UTC') }}{% else %}{{ data.x == none }}\n\
        {% for i in itms if i is evn %}{{ i|lowr }}{% endfor %}{% endif %}";
    assert_eq!(
        told(Template::compile(template).expect_err("wrong")),
        expected(&[
            (1, "unknown variable `dta`", "did you mean `data`?"),
            (1, "unknown filter `uper`", "did you mean `upper`?"),
            (2, "unknown function `rnge`", "did you mean `range`?"),
            (2, "unknown variable `evnt`", "did you mean `event`?"),
            (2, "unknown test `od`", "did you mean `odd`?"),
            (2, "unknown filter `monney`", "did you mean `money`?"),
            (3, "unknown variable `dta`", "did you mean `data`?"),
            (3, "`ago` cannot take 1 arguments", "write `event.time|ago`"),
            (
                3,
                "comparing with `none` is always false",
                "write `is none` or `is not none`"
            ),
            (
                4,
                "unknown variable `itms`",
                "possible are `event`, `data`, `trade`, `position`"
            ),
            (4, "unknown test `evn`", "did you mean `even`?"),
            (4, "unknown filter `lowr`", "did you mean `lower`?"),
        ])
    );
    let expression = "dta.x.startswith(evnt.id) or upper(trad.id) == data.x|frist";
    let messages: Vec<_> = Expression::compile(expression)
        .expect_err("wrong")
        .into_iter()
        .map(|mistake| mistake.message)
        .collect();
    assert_eq!(
        messages,
        [
            "unknown variable `dta`",
            "values have no method `startswith`",
            "unknown variable `evnt`",
            "`upper` is a filter, not a function",
            "unknown variable `trad`",
            "unknown filter `frist`",
        ]
    );
    // What is not offered hides nothing of what stands in it.
    let messages: Vec<_> = Template::compile(
        "{% autoescape true %}{{ dta.x }}{% do upper(evnt.x) %}{% set data.y = data.x|uper %}{% endautoescape %}",
    )
    .expect_err("wrong")
    .into_iter()
    .map(|mistake| mistake.message)
    .collect();
    assert_eq!(
        messages,
        [
            "`autoescape` is not offered",
            "unknown variable `dta`",
            "`do` is not offered",
            "`upper` is a filter, not a function",
            "unknown variable `evnt`",
            "a value can only be given to a plain name",
            "unknown filter `uper`",
        ]
    );
    // A syntax error ends the reading of its text.
    check_template(
        "{{ dta.x }}{{ data.x",
        "unexpected end of input, expected end of variable block",
        1,
    );
}

#[test]
fn names_that_a_template_defines_are_known() {
    for source in [
        "{% for tp in data.tps %}{{ loop.index }}{{ tp }}{% endfor %}",
        "{% for k, v in data|items %}{{ k }}={{ v }}{% endfor %}",
        "{% set x = data.a %}{{ x }}",
        "{% set a, b = data.a, data.b %}{{ a ~ b }}",
        "{% with y = data.a %}{{ y }}{% endwith %}",
        "{% set text %}hello{% endset %}{{ text|upper }}",
        "{% for i in data.tree recursive %}{{ i.x }}{{ loop(i.children) }}{% endfor %}",
        "{% for i in range(3) %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    ] {
        if let Err(mistakes) = Template::compile(source) {
            panic!("{source}: {mistakes:?}");
        }
    }
    check_template("a\n{{ tp }}", "unknown variable `tp`", 2);
    check_template("{{ loop.index }}", "unknown variable `loop`", 1);
    check_template(
        "{% if data %}\n\n{{ evnts }}{% endif %}",
        "unknown variable `evnts`",
        3,
    );
    assert!(Template::compile("{{ count }}").is_err());
    assert!(Template::compile_coalesced("{{ count }}{{ events|length }}").is_ok());
}

#[test]
fn broken_syntax_is_told_with_its_line() {
    check_expression(
        "data.x ==",
        "unexpected end of input, expected expression",
        None,
    );
    check_expression(
        "data.x = 1",
        "unexpected input after expression",
        Some("write `==` to compare"),
    );
    let source = "data.x == 1 && data.y";
    let mistake = mistake(source, Expression::compile(source));
    assert_eq!(mistake.help.as_deref(), Some("write `and` and `or`"));
    check_expression("", "unexpected end of input, expected expression", None);
    check_template(
        "{{ data.x",
        "unexpected end of input, expected end of variable block",
        1,
    );
    check_template("a\n\n{% if %}", "unexpected end of block", 3);
    check_template("{% include 'x' %}", "unknown statement include", 1);
    check_template("{% import 'x' as y %}", "unknown statement import", 1);
    check_template(
        "{% macro m() %}{% endmacro %}",
        "unknown statement macro",
        1,
    );
    check_template("{% extends 'x' %}", "unknown statement extends", 1);
    check_template(
        "{% autoescape true %}{% endautoescape %}",
        "`autoescape` is not offered",
        1,
    );
    check_template("{% do range(3) %}", "`do` is not offered", 1);
    check_template(
        "{% set data.x = 1 %}",
        "a value can only be given to a plain name",
        1,
    );
}

#[test]
fn every_offered_name_exists_in_the_engine() {
    use crate::expr::engine::ENGINE;
    use crate::expr::vocabulary::{FILTERS, FILTERS_REMOVED, TESTS};
    for name in FILTERS {
        let source = format!("'{name}' is filter");
        let there = ENGINE.compile_expression(&source).expect("right").eval(());
        assert!(there.is_ok_and(|there| there.is_true()), "{name}");
    }
    for name in FILTERS_REMOVED {
        let source = format!("'{name}' is filter");
        let there = ENGINE.compile_expression(&source).expect("right").eval(());
        assert!(there.is_ok_and(|there| !there.is_true()), "{name}");
    }
    for name in TESTS {
        let source = format!("'{name}' is test");
        let there = ENGINE.compile_expression(&source).expect("right").eval(());
        assert!(there.is_ok_and(|there| there.is_true()), "{name}");
    }
}

#[test]
fn a_name_that_event_does_not_have_is_doubted_and_no_other() {
    let doubts = |source: &str| -> Vec<String> {
        let template = Template::compile_coalesced(source).expect("right");
        let doubts = template.doubts().iter();
        doubts.map(|doubt| doubt.in_one_line(source)).collect()
    };
    assert_eq!(
        doubts("{{ event.typ }}{{ event.typ|upper }}{% if event['Time'] %}{% endif %}"),
        [
            "there is no `event.typ`; did you mean `event.type`?",
            "there is no `event.Time`; did you mean `event.time`?",
        ]
    );
    for source in [
        "{{ event.source }}{{ event.id }}{{ event.type }}{{ event.time }}{{ event.backfilled }}",
        "{{ event.suppressed }}{{ event.suppressed_since }}{{ event.partial }}",
        "{{ data.event.typ }}{{ data.typ }}{{ event[data.x] }}",
        "{% for event in events %}{{ event.event.typ }}{{ event.data }}{% endfor %}",
        "{% set event = data %}{{ event.typ }}",
    ] {
        assert_eq!(doubts(source), [""; 0], "{source}");
    }
}
