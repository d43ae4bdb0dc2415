//! What is wrong with the arguments of our own filters, as far as the text alone shows it.
//!
//! A file of its own because a time zone that does not exist is a mistake of the configuration, and the
//! engine would find it at the first alert.

use minijinja::machinery::ast::{CallArg, Expr, Filter, Spanned};

use super::super::rewrite::Mistake;
use super::moments;

/// A filter with the fewest and the most arguments that it takes, and how it is written.
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

/// Refuses a filter of ours whose arguments cannot be right.
pub(in super::super) fn check(filter: &Spanned<Filter<'static>>) -> Result<(), Mistake> {
    let shape = SHAPES.iter().find(|shape| shape.0 == filter.name);
    let Some((name, fewest, most, help)) = shape else {
        return Ok(());
    };
    let wrong =
        |message: String, help: String| Err(Mistake::new(message).help(help).at(filter.span()));
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
        && moments::zone_of(&zone).is_none()
    {
        let help = match moments::nearest_zone(&zone) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "the name of a zone such as `Europe/Berlin`, `America/New_York` or `UTC`".to_owned()
            }
        };
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
