//! Every name that an expression or template may use.
//!
//! The lists are closed so that a misspelt name is a mistake when the configuration is read, and not
//! silence when the event comes. Filters of the engine that let values grow by sharing (`batch`,
//! `zip`, `groupby` …), that show the inside of the engine (`debug`) or that belong to HTML are left
//! out.

use super::mistake::Mistake;

/// Which variables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// `event`, `data`, `trade` and `position`.
    Event,
    /// Also `events` and `count`.
    Burst,
}

/// The only function.
pub(super) const FUNCTIONS: &[&str] = &["range"];

/// Filters that may be used.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "ago",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "local",
    "lower",
    "map",
    "max",
    "min",
    "money",
    "pips",
    "price",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "short",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
];

/// Filters of the engine that are taken out of it.
pub(super) const FILTERS_REMOVED: &[&str] = &[
    "attr", "batch", "chain", "e", "escape", "groupby", "indent", "lines", "pprint", "safe",
    "slice", "zip",
];

/// Functions of the engine that are taken out of it.
pub(super) const FUNCTIONS_REMOVED: &[&str] = &["debug", "dict", "namespace"];

/// Tests, as in `data.tp_level is odd`.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

impl Vocabulary {
    /// The variables.
    pub(super) const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Event => &["event", "data", "trade", "position"],
            Self::Burst => &["event", "data", "trade", "position", "events", "count"],
        }
    }

    /// Words the mistake of a variable that does not exist.
    pub(super) fn unknown_variable(self, name: &str) -> Mistake {
        let mistake = Mistake::new(format!("unknown variable `{name}`"));
        match name {
            "null" | "nil" | "undefined" => mistake
                .help("to ask for a missing value, write `data.x is none` or `data.x is not none`"),
            "events" | "count" => mistake.help(format!(
                "`{name}` exists only in the texts of rules with `coalesce` or `digest`"
            )),
            _ => mistake.help(one_of(name, self.variables())),
        }
    }
}

/// Words what would be possible in place of a wrong name.
pub(super) fn one_of(wrong: &str, names: &[&str]) -> String {
    match nearest(wrong, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("possible are {}", all.join(", "))
        }
    }
}

fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&wrong.to_lowercase(), name),
                *name,
            )
        })
        .filter(|(distance, name)| *distance <= 1 + name.len().min(wrong.len()) / 4)
        .min()
        .map(|(_, name)| name)
}
