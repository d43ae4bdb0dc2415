//! Nodes of the tree that runs which the author did not write.
//!
//! Apart from its parent because they know nothing of what is copied.

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, Call, CallArg, Expr, Spanned};

use super::super::compare;

pub(super) fn variable(name: &'static str, span: Span) -> Expr<'static> {
    Expr::Var(Spanned::new(ast::Var { id: name }, span))
}

/// Stands where a tree that is refused is not copied.
pub(super) fn nothing(span: Span) -> Expr<'static> {
    let value = Value::UNDEFINED;
    Expr::Const(Spanned::new(ast::Const { value }, span))
}

pub(super) fn call(
    function: &'static str,
    arguments: Vec<Expr<'static>>,
    span: Span,
) -> Expr<'static> {
    Expr::Call(Spanned::new(
        Call {
            expr: variable(function, span),
            args: arguments.into_iter().map(CallArg::Pos).collect(),
        },
        span,
    ))
}

/// Lets a list or map be counted when it is built at run time.
pub(super) fn measured(built: Expr<'static>) -> Expr<'static> {
    if built.as_const().is_some() {
        return built;
    }
    let span = built.span();
    call(compare::MEASURE, vec![built], span)
}
