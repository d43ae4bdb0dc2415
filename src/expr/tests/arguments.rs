//! How many arguments filters, tests and `range` take, held against the engine.

use super::{Expression, mistake};
use crate::expr::engine::ENGINE;
use crate::expr::vocabulary::{FILTERS, FUNCTIONS, TESTS};

/// What each filter and test can be given: arguments with names, those that have to be there, and those
/// that may. Not here are those that take any number.
const TAKEN: &[(&str, &str, &[&str], &[&str])] = &[
    ("1|abs", "", &[], &[]),
    ("1|bool", "", &[], &[]),
    ("'a'|capitalize", "", &[], &[]),
    ("[1]|count", "", &[], &[]),
    ("1|d", "", &[], &["2", "true"]),
    ("1|default", "", &[], &["2", "true"]),
    ("{'a': 1}|dictsort", "by='key'", &[], &[]),
    ("[1]|first", "", &[], &[]),
    ("1|float", "", &[], &["2"]),
    ("1|int", "", &[], &["2", "10"]),
    ("{'a': 1}|items", "", &[], &[]),
    ("[{'a': 1}]|join", "attribute='a'", &[], &["'/'"]),
    ("[1]|last", "", &[], &[]),
    ("[1]|length", "", &[], &[]),
    ("[1]|list", "", &[], &[]),
    ("'a'|lower", "", &[], &[]),
    ("[1]|max", "", &[], &[]),
    ("[1]|min", "", &[], &[]),
    ("[{'a': 1}]|rejectattr", "", &["'a'"], &["'eq'", "1"]),
    ("'a'|replace", "new='b', old='a'", &["'a'", "'b'"], &["1"]),
    ("[1]|reverse", "", &[], &[]),
    ("1.5|round", "", &[], &["1", "'floor'"]),
    ("[{'a': 1}]|selectattr", "", &["'a'"], &["'eq'", "1"]),
    ("[1]|sort", "reverse=true", &[], &[]),
    ("'a b'|split", "", &[], &["' '", "1"]),
    ("1|string", "", &[], &[]),
    ("[]|sum", "", &[], &["'a'", "1"]),
    ("'a'|title", "", &[], &[]),
    ("[1]|tojson", "", &[], &["2"]),
    ("'a'|trim", "", &[], &["'a'"]),
    ("[1]|unique", "case_sensitive=true", &[], &[]),
    ("'a'|upper", "", &[], &[]),
    ("'a'|urlencode", "", &[], &[]),
    ("1 is boolean", "", &[], &[]),
    ("1 is defined", "", &[], &[]),
    ("1 is divisibleby", "", &["2"], &[]),
    ("'a' is endingwith", "", &["'a'"], &[]),
    ("1 is eq", "", &["2"], &[]),
    ("1 is equalto", "", &["2"], &[]),
    ("1 is even", "", &[], &[]),
    ("1 is false", "", &[], &[]),
    ("1 is float", "", &[], &[]),
    ("1 is ge", "", &["2"], &[]),
    ("1 is greaterthan", "", &["2"], &[]),
    ("1 is gt", "", &["2"], &[]),
    ("1 is in", "", &["[2]"], &[]),
    ("1 is int", "", &[], &[]),
    ("1 is integer", "", &[], &[]),
    ("1 is iterable", "", &[], &[]),
    ("1 is le", "", &["2"], &[]),
    ("1 is lessthan", "", &["2"], &[]),
    ("'a' is lower", "", &[], &[]),
    ("1 is lt", "", &["2"], &[]),
    ("1 is mapping", "", &[], &[]),
    ("1 is ne", "", &["2"], &[]),
    ("1 is none", "", &[], &[]),
    ("1 is number", "", &[], &[]),
    ("1 is odd", "", &[], &[]),
    ("1 is sequence", "", &[], &[]),
    ("'a' is startingwith", "", &["'a'"], &[]),
    ("'a' is string", "", &[], &[]),
    ("1 is true", "", &[], &[]),
    ("1 is undefined", "", &[], &[]),
    ("'a' is upper", "", &[], &[]),
    ("range", "", &["1"], &["3", "1"]),
];

/// Those that take any number, and ours, whose shapes have a test of their own.
const NOT_HERE: [&str; 10] = [
    "ago", "format", "local", "map", "money", "pips", "price", "reject", "select", "short",
];

#[test]
fn a_wrong_number_of_arguments_is_found_as_the_engine_would_find_it() {
    for (called, named, needed, possible) in TAKEN {
        let all: Vec<&str> = needed.iter().chain(*possible).copied().collect();
        let is_open = called.ends_with("attr");
        for count in 0..=all.len() + 1 {
            let given: Vec<&str> = all.iter().copied().chain(["1"]).take(count).collect();
            let source = format!("{called}({})", given.join(", "));
            let fits = (needed.len()..=all.len()).contains(&count);
            let ran = ENGINE
                .compile_expression(&source)
                .expect("can be read")
                .eval(());
            assert!(is_open || ran.is_ok() == fits, "the engine: {source}");
            let fits = fits || (is_open && count > 0);
            assert_eq!(Expression::compile(&source).is_ok(), fits, "{source}");
        }
        if !named.is_empty() {
            let source = format!("{called}({named})");
            assert!(Expression::compile(&source).is_ok(), "{source}");
        }
    }
    for name in FILTERS.iter().chain(TESTS).chain(FUNCTIONS) {
        let is_here = TAKEN.iter().any(|(called, ..)| called.ends_with(name));
        assert_ne!(is_here, NOT_HERE.contains(name), "{name}");
    }
    for (source, message, help) in [
        (
            "data.x|upper(1)",
            "`upper` cannot take 1 arguments",
            "it takes no argument",
        ),
        (
            "data.x|replace('a')",
            "`replace` cannot take 1 arguments",
            "it takes 2 to 3 arguments",
        ),
        (
            "data.x|trim(1, 2)",
            "`trim` cannot take 2 arguments",
            "it takes at most 1 argument",
        ),
        (
            "data.x|round(1, 'floor', 3)",
            "`round` cannot take 3 arguments",
            "it takes at most 2 arguments",
        ),
        (
            "data.x|sort('a')",
            "`sort` cannot take 1 arguments",
            "it takes only arguments with names",
        ),
        (
            "data.x|selectattr",
            "`selectattr` cannot take 0 arguments",
            "it takes at least 1 argument",
        ),
        (
            "data.x is startingwith",
            "`startingwith` cannot take 0 arguments",
            "it takes 1 argument",
        ),
        (
            "data.x is odd(2)",
            "`odd` cannot take 1 arguments",
            "it takes no argument",
        ),
        (
            "data.x in range()",
            "`range` cannot take 0 arguments",
            "it takes 1 to 3 arguments",
        ),
    ] {
        let mistake = mistake(source, Expression::compile(source));
        assert_eq!(mistake.message, message);
        assert_eq!(mistake.help.as_deref(), Some(help), "{source}");
    }
    // How many there are shows only with an event, or their names say which they are.
    for right in [
        "data.x|replace(*data.y)",
        "data.x|replace('a', **data.y)",
        "data.x|replace(old='a', new='b')",
    ] {
        assert!(Expression::compile(right).is_ok(), "{right}");
    }
}
