//! Mistakes that are found when the configuration is read.

use super::{Expression, Template};

fn check_expression(source: &str, message: &str, help: Option<&str>) {
    let mistake = Expression::compile(source).expect_err(source);
    assert_eq!(mistake.message, message, "{source}");
    if let Some(help) = help {
        assert_eq!(mistake.help.as_deref(), Some(help), "{source}");
    }
}

fn check_template(source: &str, message: &str, line: usize) {
    let mistake = Template::compile(source).expect_err(source);
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
        Some("`count` exists only in rules with `coalesce`"),
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
        if let Err(mistake) = Template::compile(source) {
            panic!("{source}: {mistake}");
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
    let mistake = Expression::compile("data.x == 1 && data.y").expect_err("no such operator");
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
