//! What is wrong with the arguments of filters, tests and functions, as far as the text alone shows it.
//!
//! A file of its own because a time zone that does not exist, or an argument too many, is a mistake of
//! the configuration, and the engine would find it at the first alert.

use minijinja::machinery::ast::{CallArg, Expr, Filter, Spanned};

use super::super::mistake::Mistake;
use super::moments;

/// A filter of ours with the fewest and the most arguments that it takes, and how it is written.
const SHAPES: &[(&str, usize, usize, &str)] = &[
    ("ago", 0, 0, "`event.time|ago`"),
    (
        "local",
        1,
        2,
        "`event.time|local(\"Europe/Berlin\")`, or with a format `…|local(\"Europe/Berlin\", \"%H:%M\")`",
    ),
    ("money", 0, 1, "`data.realized_pl|money(data.currency)`"),
    (
        "pips",
        2,
        3,
        "`data.close_price|pips(data.entry_price, data.symbol)`, or with `data.direction` behind",
    ),
    (
        "price",
        0,
        1,
        "`data.close_price|price`, or with another price's decimals `…|price(data.entry_price)`",
    ),
    ("short", 0, 0, "`data.trade_id|short`"),
];

/// What the engine's own filters take. One that is not here takes any number.
const FILTERS: &[(&[&str], Takes)] = &[
    (
        &[
            "abs",
            "bool",
            "capitalize",
            "count",
            "first",
            "items",
            "last",
            "length",
            "list",
            "lower",
            "reverse",
            "string",
            "title",
            "upper",
            "urlencode",
        ],
        Takes::plain(0, 0),
    ),
    (&["trim"], Takes::plain(0, 1)),
    (&["split"], Takes::plain(0, 2)),
    (&["default", "d"], Takes::named(0, 2)),
    (&["replace"], Takes::named(2, 3)),
    (&["join", "float", "tojson"], Takes::named(0, 1)),
    (&["int", "round", "sum"], Takes::named(0, 2)),
    (
        &["dictsort", "max", "min", "sort", "unique"],
        Takes::named(0, 0),
    ),
    (&["rejectattr", "selectattr"], Takes::named(1, usize::MAX)),
];

/// Tests that compare with something; all others take nothing.
const COMPARING: &[&str] = &[
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "le",
    "lessthan",
    "lt",
    "ne",
    "startingwith",
];

/// How many arguments there can be.
#[derive(Clone, Copy)]
struct Takes {
    fewest: usize,
    most: usize,
    /// Whether some may have names, which are not counted then.
    can_name: bool,
}

impl Takes {
    const fn plain(fewest: usize, most: usize) -> Self {
        Self {
            fewest,
            most,
            can_name: false,
        }
    }

    const fn named(fewest: usize, most: usize) -> Self {
        Self {
            can_name: true,
            ..Self::plain(fewest, most)
        }
    }

    /// What is wrong with their number, unless it shows only with the values.
    fn check(self, name: &str, arguments: &[CallArg<'_>]) -> Result<(), Mistake> {
        let mut plain = 0;
        let mut named = 0;
        for argument in arguments {
            match argument {
                CallArg::Pos(_) => plain += 1,
                CallArg::Kwarg(..) => named += 1,
                CallArg::PosSplat(_) | CallArg::KwargSplat(_) => return Ok(()),
            }
        }
        let count = if self.can_name { plain } else { plain + named };
        // Those with names may be the ones that have to be there.
        if (self.fewest..=self.most).contains(&count) || (count < self.fewest && named > 0) {
            return Ok(());
        }
        let takes = match (self.fewest, self.most) {
            (0, 0) if self.can_name => "only arguments with names".to_owned(),
            (0, 0) => "no argument".to_owned(),
            (0, 1) => "at most 1 argument".to_owned(),
            (0, most) => format!("at most {most} arguments"),
            (1, 1) => "1 argument".to_owned(),
            (1, usize::MAX) => "at least 1 argument".to_owned(),
            (fewest, most) if fewest == most => format!("{most} arguments"),
            (fewest, most) => format!("{fewest} to {most} arguments"),
        };
        let message = format!("`{name}` cannot take {count} arguments");
        Err(Mistake::new(message).help(format!("it takes {takes}")))
    }
}

/// Refuses a test whose arguments cannot be right.
pub(in super::super) fn check_test(name: &str, arguments: &[CallArg<'_>]) -> Result<(), Mistake> {
    let count = usize::from(COMPARING.contains(&name));
    Takes::plain(count, count).check(name, arguments)
}

/// Refuses a call of the only function whose arguments cannot be right.
pub(in super::super) fn check_range(arguments: &[CallArg<'_>]) -> Result<(), Mistake> {
    Takes::plain(1, 3).check("range", arguments)
}

/// Refuses a filter whose arguments cannot be right.
pub(in super::super) fn check(filter: &Spanned<Filter<'static>>) -> Result<(), Mistake> {
    let engine = FILTERS.iter().find(|row| row.0.contains(&filter.name));
    match engine {
        Some((_, takes)) => takes.check(filter.name, &filter.args),
        None => check_ours(filter),
    }
}

fn check_ours(filter: &Spanned<Filter<'static>>) -> Result<(), Mistake> {
    let shape = SHAPES.iter().find(|shape| shape.0 == filter.name);
    let Some((name, fewest, most, help)) = shape else {
        return Ok(());
    };
    let wrong = |message: String, help: String| Err(Mistake::new(message).help(help));
    let is_plain = |arg: &&CallArg<'_>| matches!(arg, CallArg::Pos(_));
    let count = filter.args.iter().filter(is_plain).count();
    if count < filter.args.len() {
        return wrong(
            format!("`{name}` takes plain arguments only"),
            format!("write {help}"),
        );
    }
    if !(*fewest..=*most).contains(&count) {
        return wrong(
            format!("`{name}` cannot take {count} arguments"),
            format!("write {help}"),
        );
    }
    if *name != "local" {
        return Ok(());
    }
    if let Some(zone) = literal(filter, 0)
        && moments::zone(&zone).is_none()
    {
        let help = moments::zone_help(&zone);
        return wrong(format!("unknown time zone `{zone}`"), help);
    }
    if let Some(format) = literal(filter, 1)
        && !moments::is_format(&format)
    {
        let help = "such as `%H:%M`, `%a %H:%M` or `%Y-%m-%d %H:%M:%S`".to_owned();
        return wrong(format!("`{format}` is no format of a time"), help);
    }
    Ok(())
}

/// An argument that stands in the text itself. What is no text there is one that cannot be right.
fn literal(filter: &Filter<'_>, place: usize) -> Option<String> {
    match filter.args.get(place)? {
        CallArg::Pos(Expr::Const(constant)) => Some(constant.value.to_string()),
        _ => None,
    }
}
