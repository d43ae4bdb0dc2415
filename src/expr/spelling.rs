//! The text of a part of an expression.
//!
//! A file of its own because the parser's places of parts do not say where a part begins: they count
//! in the token before it, and not the brackets around it. So a part is written anew. Read again, the
//! text means the same; only its spaces, brackets and quotes may be others than the author's.

use std::fmt::{self, Write};

use minijinja::Value;
use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::value::ValueKind;

/// Writes a part of an expression.
pub(super) fn of(expr: &Expr<'_>) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = write(&mut text, expr);
    text
}

fn write(out: &mut String, expr: &Expr<'_>) -> fmt::Result {
    match expr {
        Expr::Var(var) => out.write_str(var.id),
        Expr::Const(constant) => write_value(out, &constant.value),
        Expr::Slice(slice) => {
            write_tight(out, &slice.expr)?;
            out.write_char('[')?;
            let parts = [&slice.start, &slice.stop, &slice.step];
            for (index, part) in parts.into_iter().enumerate() {
                out.write_str(if index > 0 { ":" } else { "" })?;
                part.as_ref().map_or(Ok(()), |part| write(out, part))?;
            }
            out.write_char(']')
        }
        Expr::UnaryOp(unary) => match (&unary.op, &unary.expr) {
            (UnaryOpKind::Not, Expr::BinOp(inner)) if matches!(inner.op, BinOpKind::In) => {
                write_binary(out, inner, "not in")
            }
            (UnaryOpKind::Not, Expr::Test(test)) => {
                write_tight(out, &test.expr)?;
                write!(out, " is not {}", test.name)?;
                write_arguments(out, &test.args)
            }
            (UnaryOpKind::Not, inner) => {
                out.write_str("not ")?;
                write_operand(out, inner)
            }
            (UnaryOpKind::Neg, inner) => {
                out.write_char('-')?;
                write_tight(out, inner)
            }
        },
        Expr::BinOp(binary) => write_binary(out, binary, sign(&binary.op)),
        Expr::Compare(compare) => {
            write_operand(out, &compare.expr)?;
            for link in &compare.ops {
                write!(out, " {} ", link_sign(&link.op))?;
                write_operand(out, &link.expr)?;
            }
            Ok(())
        }
        Expr::IfExpr(choice) => {
            write_operand(out, &choice.true_expr)?;
            out.write_str(" if ")?;
            write_operand(out, &choice.test_expr)?;
            let Some(other) = &choice.false_expr else {
                return Ok(());
            };
            out.write_str(" else ")?;
            write_operand(out, other)
        }
        Expr::Filter(filter) => {
            if let Some(filtered) = &filter.expr {
                write_tight(out, filtered)?;
            }
            write!(out, "|{}", filter.name)?;
            write_arguments(out, &filter.args)
        }
        Expr::Test(test) => {
            write_tight(out, &test.expr)?;
            write!(out, " is {}", test.name)?;
            write_arguments(out, &test.args)
        }
        Expr::GetAttr(attribute) => {
            write_tight(out, &attribute.expr)?;
            write!(out, ".{}", attribute.name)
        }
        Expr::GetItem(item) => {
            write_tight(out, &item.expr)?;
            out.write_char('[')?;
            write(out, &item.subscript_expr)?;
            out.write_char(']')
        }
        Expr::Call(call) => {
            write_tight(out, &call.expr)?;
            match call.args.is_empty() {
                true => out.write_str("()"),
                false => write_arguments(out, &call.args),
            }
        }
        Expr::List(list) => write_all(out, '[', &list.items, ']'),
        Expr::Tuple(tuple) => match tuple.items.as_slice() {
            [only] => {
                out.write_char('(')?;
                write(out, only)?;
                out.write_str(",)")
            }
            items => write_all(out, '(', items, ')'),
        },
        Expr::Map(map) => {
            out.write_char('{')?;
            for (index, (key, value)) in map.keys.iter().zip(&map.values).enumerate() {
                out.write_str(if index > 0 { ", " } else { "" })?;
                write(out, key)?;
                out.write_str(": ")?;
                write(out, value)?;
            }
            out.write_char('}')
        }
    }
}

/// Something beside an operator.
fn write_operand(out: &mut String, expr: &Expr<'_>) -> fmt::Result {
    match expr {
        Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Neg) => write(out, expr),
        Expr::Filter(_) => write(out, expr),
        _ => write_tight(out, expr),
    }
}

/// Something that a dot, a bracket, a filter or a test stands behind, or a sign before.
fn write_tight(out: &mut String, expr: &Expr<'_>) -> fmt::Result {
    let is_one = matches!(
        expr,
        Expr::Var(_)
            | Expr::Const(_)
            | Expr::Slice(_)
            | Expr::GetAttr(_)
            | Expr::GetItem(_)
            | Expr::Call(_)
            | Expr::List(_)
            | Expr::Tuple(_)
            | Expr::Map(_)
    );
    if is_one {
        return write(out, expr);
    }
    out.write_char('(')?;
    write(out, expr)?;
    out.write_char(')')
}

fn write_binary(out: &mut String, binary: &BinOp<'_>, sign: &str) -> fmt::Result {
    write_operand(out, &binary.left)?;
    write!(out, " {sign} ")?;
    write_operand(out, &binary.right)
}

fn write_arguments(out: &mut String, arguments: &[CallArg<'_>]) -> fmt::Result {
    if arguments.is_empty() {
        return Ok(());
    }
    out.write_char('(')?;
    for (index, argument) in arguments.iter().enumerate() {
        out.write_str(if index > 0 { ", " } else { "" })?;
        let value = match argument {
            CallArg::Pos(value) => value,
            CallArg::Kwarg(name, value) => {
                write!(out, "{name}=")?;
                value
            }
            CallArg::PosSplat(value) => {
                out.write_str("*")?;
                value
            }
            CallArg::KwargSplat(value) => {
                out.write_str("**")?;
                value
            }
        };
        write(out, value)?;
    }
    out.write_char(')')
}

fn write_all(out: &mut String, open: char, items: &[Expr<'_>], close: char) -> fmt::Result {
    out.write_char(open)?;
    for (index, item) in items.iter().enumerate() {
        out.write_str(if index > 0 { ", " } else { "" })?;
        write(out, item)?;
    }
    out.write_char(close)
}

fn write_value(out: &mut String, value: &Value) -> fmt::Result {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => out.write_str("none"),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            write!(out, "{}", serde_json::Value::from(text))
        }
        _ => write!(out, "{value}"),
    }
}

const fn sign(op: &BinOpKind) -> &'static str {
    match op {
        BinOpKind::Eq => "==",
        BinOpKind::Ne => "!=",
        BinOpKind::Lt => "<",
        BinOpKind::Lte => "<=",
        BinOpKind::Gt => ">",
        BinOpKind::Gte => ">=",
        BinOpKind::ScAnd => "and",
        BinOpKind::ScOr => "or",
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        BinOpKind::Pow => "**",
        BinOpKind::Concat => "~",
        BinOpKind::In => "in",
    }
}

/// The sign of a comparison.
pub(super) const fn link_sign(op: &CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "==",
        CompareOpKind::Ne => "!=",
        CompareOpKind::Lt => "<",
        CompareOpKind::Lte => "<=",
        CompareOpKind::Gt => ">",
        CompareOpKind::Gte => ">=",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "not in",
    }
}
