//! The wording of every documented TTMT event type.
//!
//! A file of its own because it is the one place that knows what those types carry. Fields beyond the
//! envelope are not promised upstream, so each is shown when it is there and left out when not.

use std::cmp::Ordering;

use super::Tone;
use super::data::Data;
use super::draft::Draft;

const GAIN_TAG: &str = "moneybag";
/// Headline of a position that closed for no reason we know.
const UNEXPLAINED: &str = "Position closed";

const LOSS_TAG: &str = "small_red_triangle_down";

/// What is known of an event type: its name and its wording.
type Known = (&'static str, fn(&Data<'_>) -> Draft);

const KNOWN: &[Known] = &[
    ("tp_hit", tp_hit),
    ("position_closed", position_closed),
    ("position_update", position_update),
    ("order_fill", order_fill),
    ("trade_executed", trade_executed),
    ("trade_finalized", trade_finalized),
    ("breakeven_set", breakeven_set),
    ("breakeven_failed", breakeven_failed),
];

/// The event types that have a wording here.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(kind, _)| *kind)
}

/// The wording of an event type, if it is one of these.
pub(super) fn draft(kind: &str, data: &Data<'_>) -> Option<Draft> {
    let (_, make) = KNOWN.iter().find(|(known, _)| *known == kind)?;
    Some(make(data))
}

fn tp_hit(data: &Data<'_>) -> Draft {
    let level = data.word("tp_level").unwrap_or_default();
    let tone = match data.sign("realized_pl") {
        Ordering::Less => Tone::Loss,
        Ordering::Equal | Ordering::Greater => Tone::Gain,
    };
    Draft::new(format!("TP{level} hit"), tone, GAIN_TAG)
        .priority(4)
        .news(data.instrument())
        .news(data.money("realized_pl"))
        .detail("Volume", data.lots())
        .phrased("Target", data.word("tp_price"), |price| {
            format!("target {price}")
        })
        .phrased("Closed at", data.word("close_price"), |price| {
            format!("closed at {price}")
        })
        .place(data)
}

fn position_closed(data: &Data<'_>) -> Draft {
    let reason = data.word("close_reason").map(|word| word.to_lowercase());
    let (headline, priority) = match reason.as_deref() {
        Some("tp") => ("Closed at target", 3),
        Some("sl") => ("Stop loss hit", 4),
        Some("trailing_stop") => ("Trailing stop hit", 4),
        Some("breakeven") => ("Closed at breakeven", 3),
        Some("manual") => ("Closed by hand", 3),
        _ => (UNEXPLAINED, 3),
    };
    result(headline, data, "realized_pl")
        .priority(priority)
        .news(data.instrument())
        .news(data.money("realized_pl"))
        .detail("Volume", data.lots())
        .detail("Price", data.way("entry_price", "close_price"))
        // A reason that the headline tells is not told twice.
        .detail(
            "Reason",
            data.words("close_reason")
                .filter(|_| headline == UNEXPLAINED),
        )
        .phrased("Commission", data.money("commission"), |amount| {
            format!("commission {amount}")
        })
        .place(data)
}

fn position_update(data: &Data<'_>) -> Draft {
    let headline = match data.word("status").as_deref() {
        Some("partial_closed") => "Position partly closed",
        _ => "Position update",
    };
    result(headline, data, "unrealized_pl")
        .priority(2)
        .news(data.instrument())
        .news(data.money("unrealized_pl"))
        .detail("Volume", data.lots())
        .detail("Price", data.way("entry_price", "current_price"))
        .phrased("Realized", data.money("realized_pl"), |amount| {
            format!("realized {amount}")
        })
        .place(data)
}

fn order_fill(data: &Data<'_>) -> Draft {
    let price = data.word("entry_price");
    let filled = match (data.lots(), price) {
        (Some(lots), Some(price)) => Some(format!("{lots} at {price}")),
        (lots, price) => lots.or(price),
    };
    let level = data.word("tp_level").unwrap_or_default();
    let target = data
        .word("take_profit")
        .map(|price| format!("TP{level} {price}"));
    Draft::new("Order filled", Tone::Neutral, "white_check_mark")
        .news(data.instrument())
        .news(filled)
        .phrased("Order", data.words("order_type"), |word| {
            format!("{word} order")
        })
        .phrased("Layer", data.word("layer"), |layer| {
            format!("layer {layer}")
        })
        .line()
        .phrased("Stop loss", data.word("stop_loss"), stop)
        .detail("Target", target)
        .place(data)
}

fn trade_executed(data: &Data<'_>) -> Draft {
    let filled = match (data.count("orders_filled"), data.count("orders_placed")) {
        (Some(filled), Some(placed)) => Some(format!("{filled} of {placed} filled")),
        _ => None,
    };
    Draft::new("Trade opened", Tone::Neutral, "rocket")
        .news(data.instrument())
        .news(data.lots())
        .phrased("Entry", data.word("entry_price"), |price| {
            format!("entry {price}")
        })
        .phrased("Stop loss", data.word("stop_loss"), stop)
        .phrased("Targets", data.list("take_profits"), |prices| {
            format!("TP {prices}")
        })
        .line()
        .phrased("Orders", filled, |filled| format!("orders: {filled}"))
        .place(data)
}

fn trade_finalized(data: &Data<'_>) -> Draft {
    let status = data.word("status");
    let error = data.sentence("error_code");
    let draft = match status.as_deref() {
        Some("failed") => Draft::new("Trade failed", Tone::Warning, "x").priority(4),
        Some("needs_recovery") => {
            Draft::new("Trade needs recovery", Tone::Warning, "warning").priority(4)
        }
        Some("closed_profit") => result("Trade closed in profit", data, "realized_pl").priority(4),
        Some("closed_loss") => result("Trade closed at a loss", data, "realized_pl").priority(4),
        Some("closed_timeout_cleanup") => result("Trade closed by cleanup", data, "realized_pl"),
        _ => result("Trade finalized", data, "realized_pl").news(data.words("status")),
    };
    let nothing_happened =
        status.as_deref() == Some("failed") && data.sign("realized_pl") == Ordering::Equal;
    let money = data.money("realized_pl").filter(|_| !nothing_happened);
    let closed = data.word("positions_closed");
    let cancelled = data.word("orders_cancelled");
    draft
        .news(data.instrument())
        .news(money)
        .news(error.filter(|_| nothing_happened))
        .phrased("Targets hit", targets_hit(data), |levels| {
            format!("{levels} hit")
        })
        .phrased("Positions closed", closed, |count| {
            format!("positions closed: {count}")
        })
        .phrased("Orders cancelled", cancelled, |count| {
            format!("orders cancelled: {count}")
        })
        .place(data)
}

fn breakeven_set(data: &Data<'_>) -> Draft {
    let nowhere = data.get("symbol").is_none() && data.get("trade_id").is_none();
    let position = data.id("position_id").filter(|_| nowhere);
    Draft::new("Stop moved to breakeven", Tone::Neutral, "shield")
        .news(data.instrument())
        .phrased("Stop loss", data.word("stop_loss"), stop)
        .phrased("Position", position, |id| format!("position {id}"))
        .place(data)
}

fn breakeven_failed(data: &Data<'_>) -> Draft {
    Draft::new("Breakeven failed", Tone::Warning, "warning")
        .priority(4)
        .news(data.instrument())
        .detail("Error", data.sentence("error"))
        .line()
        .phrased("Wanted stop", data.word("target_stop_loss"), |price| {
            format!("wanted SL {price}")
        })
        .phrased("Attempts", data.word("attempts"), |count| {
            format!("attempts: {count}")
        })
        .place(data)
}

/// A draft whose tone is that of an amount.
fn result(headline: &str, data: &Data<'_>, amount: &str) -> Draft {
    let (tone, tag) = match data.sign(amount) {
        Ordering::Less => (Tone::Loss, LOSS_TAG),
        Ordering::Equal => (Tone::Neutral, "white_circle"),
        Ordering::Greater => (Tone::Gain, GAIN_TAG),
    };
    Draft::new(headline, tone, tag)
}

fn stop(price: &str) -> String {
    format!("SL {price}")
}

/// The levels that were reached, from `{"tp1": true, …}` in either spelling of its keys.
fn targets_hit(data: &Data<'_>) -> Option<String> {
    let levels = data.get("tp_hits")?.as_object()?;
    let hit: Vec<String> = levels
        .iter()
        .filter(|(_, hit)| hit.as_bool() == Some(true))
        .filter_map(|(key, _)| key.chars().find(char::is_ascii_digit))
        .map(|level| format!("TP{level}"))
        .collect();
    (!hit.is_empty()).then(|| hit.join(", "))
}
