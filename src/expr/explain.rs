//! Why an expression is true or false of an event: the parts of it that decided, and what they saw.
//!
//! A file of its own because it asks `and`, `or`, `not` and `if` one by one where the engine runs them
//! in one go. Each part runs as a program of its own, with the fuel of one, so the parts are counted. It
//! is for people who ask; what counts is still the whole, and an explanation that says another thing
//! than the whole is thrown away.

use std::fmt;

use minijinja::Value;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, UnaryOpKind};

use super::program::Program;
use super::scope::Scope;
use super::{Expression, Fault, spelling, text};

/// Most parts and values that are worked out for one explanation. An expression with more is only
/// told as a whole.
const LOOKS_MAX: usize = 200;

/// Longest text of a part or a value, in characters.
const CHARS_MAX: usize = 160;

/// Longest list or map that is shown at all, in bytes. It is cut after that.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// A part of an expression that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The part.
    pub part: String,
    /// Whether it is true.
    pub holds: bool,
    /// What it looks up, in its order.
    pub seen: Vec<Seen>,
}

/// Something that is looked up, and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What is looked up, such as `data.symbol`.
    pub name: String,
    /// The value as people write it; `None` where it is missing or null.
    pub value: Option<String>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.seen.as_slice()
            && only.name == self.part
        {
            return write!(f, "{only}");
        }
        write!(f, "`{}` is {}", self.part, self.holds)?;
        for (index, seen) in self.seen.iter().enumerate() {
            let before = if index > 0 { ", " } else { ": " };
            write!(f, "{before}{seen}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_deref().unwrap_or("missing");
        write!(f, "`{}` is {value}", self.name)
    }
}

impl Expression {
    /// The parts that make it false of an event. None where it is not false, and where that cannot be
    /// told in parts.
    #[must_use]
    pub fn why_false(&self, scope: &Scope) -> Vec<Cause> {
        if self.matches(scope) != Ok(false) {
            return Vec::new();
        }
        match self.explained(scope) {
            Some((false, causes)) => causes,
            _ => Vec::new(),
        }
    }

    /// Whether it is true, found out part by part, and the parts that decided; `None` where a part
    /// cannot be worked out or there are too many.
    pub(super) fn explained(&self, scope: &Scope) -> Option<(bool, Vec<Cause>)> {
        let parsed = self.0.parsed()?;
        let mut search = Search {
            whole: &self.0,
            scope,
            looks_left: LOOKS_MAX,
        };
        search.walk(&parsed).ok()
    }
}

/// Why there is no explanation.
struct GivenUp;

impl From<Fault> for GivenUp {
    fn from(_: Fault) -> Self {
        Self
    }
}

struct Search<'a> {
    whole: &'a Program,
    scope: &'a Scope,
    looks_left: usize,
}

impl Search<'_> {
    fn walk(&mut self, expr: &Expr<'static>) -> Result<(bool, Vec<Cause>), GivenUp> {
        match expr {
            Expr::BinOp(both) if matches!(both.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
                let decisive = matches!(both.op, BinOpKind::ScOr);
                let (left, mut causes) = self.walk(&both.left)?;
                if left == decisive {
                    return Ok((left, causes));
                }
                let (right, more) = self.walk(&both.right)?;
                if right == decisive {
                    return Ok((right, more));
                }
                causes.extend(more);
                Ok((right, causes))
            }
            Expr::UnaryOp(not) if matches!(not.op, UnaryOpKind::Not) && is_made(&not.expr) => {
                let (holds, causes) = self.walk(&not.expr)?;
                Ok((!holds, causes))
            }
            Expr::IfExpr(choice) => {
                let (holds, mut causes) = self.walk(&choice.test_expr)?;
                let chosen = match holds {
                    true => Some(&choice.true_expr),
                    false => choice.false_expr.as_ref(),
                };
                let Some(chosen) = chosen else {
                    return Ok((false, causes));
                };
                let (holds, more) = self.walk(chosen)?;
                causes.extend(more);
                Ok((holds, causes))
            }
            part => {
                let holds = self.look(part)?.is_true();
                let mut seen = Vec::new();
                self.see(part, &mut seen)?;
                let part = cut(&spelling::of(part));
                Ok((holds, vec![Cause { part, holds, seen }]))
            }
        }
    }

    fn look(&mut self, expr: &Expr<'static>) -> Result<Value, GivenUp> {
        self.looks_left = self.looks_left.checked_sub(1).ok_or(GivenUp)?;
        Ok(self.whole.part(expr).value(self.scope)?)
    }

    /// Notes everything that a part looks up, once each.
    fn see(&mut self, expr: &Expr<'static>, seen: &mut Vec<Seen>) -> Result<(), GivenUp> {
        if is_look_up(expr) {
            let name = cut(&spelling::of(expr));
            if !seen.iter().any(|one| one.name == name) {
                let value = self.look(expr)?;
                let value = self.shown(&value);
                seen.push(Seen { name, value });
            }
            return Ok(());
        }
        for inner in inner(expr) {
            self.see(inner, seen)?;
        }
        Ok(())
    }

    fn shown(&self, value: &Value) -> Option<String> {
        if value.is_undefined() || value.is_none() {
            return None;
        }
        if let Some(text) = value.as_str() {
            return Some(serde_json::Value::from(cut(text)).to_string());
        }
        let text = text::bounded(self.scope.digits(), value, VALUE_BYTES_MAX);
        Some(text.map_or_else(|_| "too long to be shown".to_owned(), |text| cut(&text)))
    }
}

/// Whether a part is put together of others that can be told by themselves.
fn is_made(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::BinOp(both) => matches!(both.op, BinOpKind::ScAnd | BinOpKind::ScOr),
        Expr::UnaryOp(unary) => matches!(unary.op, UnaryOpKind::Not),
        Expr::IfExpr(_) => true,
        _ => false,
    }
}

/// Whether a part is a name, or a place below one that the expression itself says.
fn is_look_up(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Var(_) => true,
        Expr::GetAttr(attribute) => is_look_up(&attribute.expr),
        Expr::GetItem(item) => {
            is_look_up(&item.expr) && matches!(item.subscript_expr, Expr::Const(_))
        }
        _ => false,
    }
}

/// What a part is made of, in the order of the text.
fn inner<'a>(expr: &'a Expr<'static>) -> Vec<&'a Expr<'static>> {
    match expr {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(slice) => {
            let bounds = [&slice.start, &slice.stop, &slice.step];
            let bounds = bounds.into_iter().filter_map(Option::as_ref);
            std::iter::once(&slice.expr).chain(bounds).collect()
        }
        Expr::UnaryOp(unary) => vec![&unary.expr],
        Expr::BinOp(binary) => vec![&binary.left, &binary.right],
        Expr::Compare(compare) => {
            let links = compare.ops.iter().map(|link| &link.expr);
            std::iter::once(&compare.expr).chain(links).collect()
        }
        Expr::IfExpr(choice) => {
            let parts = [&choice.true_expr, &choice.test_expr];
            parts.into_iter().chain(&choice.false_expr).collect()
        }
        Expr::Filter(filter) => with(filter.expr.as_ref(), &filter.args),
        Expr::Test(test) => with(Some(&test.expr), &test.args),
        Expr::GetAttr(attribute) => vec![&attribute.expr],
        Expr::GetItem(item) => vec![&item.expr, &item.subscript_expr],
        // What is called is a function of ours, and nothing that an event says.
        Expr::Call(call) => with(None, &call.args),
        Expr::List(list) => list.items.iter().collect(),
        Expr::Tuple(tuple) => tuple.items.iter().collect(),
        Expr::Map(map) => {
            let entries = map.keys.iter().zip(&map.values);
            entries.flat_map(|(key, value)| [key, value]).collect()
        }
    }
}

fn with<'a>(
    subject: Option<&'a Expr<'static>>,
    arguments: &'a [CallArg<'static>],
) -> Vec<&'a Expr<'static>> {
    let values = arguments.iter().map(|argument| match argument {
        CallArg::Pos(value)
        | CallArg::Kwarg(_, value)
        | CallArg::PosSplat(value)
        | CallArg::KwargSplat(value) => value,
    });
    subject.into_iter().chain(values).collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
