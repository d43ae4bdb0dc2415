//! From the syntax tree as written to the one that runs.
//!
//! Comparisons become calls of our own functions, `~` becomes a call that knows the upstream's
//! digits, and what can build large lists (`[…]`, `{…}`, `+`, `*`) is measured. Everything else is copied
//! node by node, so precedence, whitespace and loops stay the engine's. Names that do not exist and
//! constructs that are not offered are mistakes. Statements are in `statement`.

mod statement;

use std::collections::HashSet;
use std::fmt;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, Call, CallArg, Expr, Spanned, UnaryOpKind};
use minijinja::{Error, Value};

use super::limits::DEPTH_MAX;
use super::spelling::link_sign;
use super::vocabulary::{FILTERS, FUNCTIONS, TESTS, Vocabulary, one_of};
use super::{compare, filters};

/// What is wrong with an expression or template, found before any event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
    /// The line of the source, from 1, where that is known.
    pub line: Option<usize>,
}

impl Mistake {
    /// What is wrong, with the line where the text has several.
    #[must_use]
    pub fn in_text(&self, text: &str) -> String {
        match self.line {
            Some(line) if text.contains('\n') => {
                format!("{} (line {line} of this text)", self.message)
            }
            _ => self.message.clone(),
        }
    }

    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            line: None,
        }
    }

    pub(super) fn syntax(error: &Error) -> Self {
        let message = match error.detail() {
            Some(detail) => detail.to_owned(),
            None => error.kind().to_string(),
        };
        Self {
            line: error.line(),
            ..Self::new(message)
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(mut self, span: Span) -> Self {
        self.line = Some(usize::from(span.start_line));
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

/// Copies a tree with its comparisons replaced.
pub(super) struct Rewriter {
    vocabulary: Vocabulary,
    depth: usize,
    variables: Vec<(&'static str, Span)>,
}

impl Rewriter {
    pub(super) fn new(vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary,
            depth: 0,
            variables: Vec::new(),
        }
    }

    /// Refuses a variable that nothing defines, given the names that the source leaves undefined.
    pub(super) fn check_variables(&self, free: &HashSet<String>) -> Result<(), Mistake> {
        for (name, span) in &self.variables {
            if free.contains(*name) && !self.vocabulary.variables().contains(name) {
                return Err(self.vocabulary.unknown_variable(name).at(*span));
            }
        }
        Ok(())
    }

    pub(super) fn expression(&mut self, expr: &Expr<'static>) -> Result<Expr<'static>, Mistake> {
        self.descend(expr.span())?;
        let rewritten = self.copy(expr);
        self.depth -= 1;
        rewritten
    }

    fn descend(&mut self, span: Span) -> Result<(), Mistake> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(
                Mistake::new("this is nested too deeply, or one chain is too long").at(span),
            );
        }
        Ok(())
    }

    fn copy(&mut self, expr: &Expr<'static>) -> Result<Expr<'static>, Mistake> {
        let span = expr.span();
        Ok(match expr {
            Expr::Var(var) => {
                self.variables.push((var.id, span));
                variable(var.id, span)
            }
            Expr::Const(constant) => Expr::Const(Spanned::new(
                ast::Const {
                    value: constant.value.clone(),
                },
                span,
            )),
            Expr::Slice(slice) => Expr::Slice(Spanned::new(
                ast::Slice {
                    expr: self.expression(&slice.expr)?,
                    start: self.optional(slice.start.as_ref())?,
                    stop: self.optional(slice.stop.as_ref())?,
                    step: self.optional(slice.step.as_ref())?,
                },
                span,
            )),
            Expr::UnaryOp(unary) => Expr::UnaryOp(Spanned::new(
                ast::UnaryOp {
                    op: match unary.op {
                        UnaryOpKind::Not => UnaryOpKind::Not,
                        UnaryOpKind::Neg => UnaryOpKind::Neg,
                    },
                    expr: self.expression(&unary.expr)?,
                },
                span,
            )),
            Expr::BinOp(binary) => self.binary(binary, span)?,
            Expr::Compare(compare) => self.chain(compare, span)?,
            Expr::IfExpr(choice) => Expr::IfExpr(Spanned::new(
                ast::IfExpr {
                    test_expr: self.expression(&choice.test_expr)?,
                    true_expr: self.expression(&choice.true_expr)?,
                    false_expr: self.optional(choice.false_expr.as_ref())?,
                },
                span,
            )),
            Expr::Filter(filter) => {
                known("filter", filter.name, FILTERS, span)?;
                filters::check(filter)?;
                Expr::Filter(Spanned::new(
                    ast::Filter {
                        name: filter.name,
                        expr: self.optional(filter.expr.as_ref())?,
                        args: self.arguments(&filter.args)?,
                    },
                    span,
                ))
            }
            Expr::Test(test) => {
                known("test", test.name, TESTS, span)?;
                Expr::Test(Spanned::new(
                    ast::Test {
                        name: test.name,
                        expr: self.expression(&test.expr)?,
                        args: self.arguments(&test.args)?,
                    },
                    span,
                ))
            }
            Expr::GetAttr(attribute) => Expr::GetAttr(Spanned::new(
                ast::GetAttr {
                    expr: self.expression(&attribute.expr)?,
                    name: attribute.name,
                },
                span,
            )),
            Expr::GetItem(item) => Expr::GetItem(Spanned::new(
                ast::GetItem {
                    expr: self.expression(&item.expr)?,
                    subscript_expr: self.expression(&item.subscript_expr)?,
                },
                span,
            )),
            Expr::Call(call) => Expr::Call(self.call(call)?),
            Expr::List(list) => {
                let items = self.all(&list.items)?;
                measured(Expr::List(Spanned::new(ast::List { items }, span)))
            }
            Expr::Tuple(tuple) => {
                let items = self.all(&tuple.items)?;
                measured(Expr::Tuple(Spanned::new(ast::Tuple { items }, span)))
            }
            Expr::Map(map) => {
                let keys = self.all(&map.keys)?;
                let values = self.all(&map.values)?;
                measured(Expr::Map(Spanned::new(ast::Map { keys, values }, span)))
            }
        })
    }

    fn binary(
        &mut self,
        binary: &ast::BinOp<'static>,
        span: Span,
    ) -> Result<Expr<'static>, Mistake> {
        let function = match binary.op {
            BinOpKind::Eq => Some("=="),
            BinOpKind::Ne => Some("!="),
            BinOpKind::Lt => Some("<"),
            BinOpKind::Lte => Some("<="),
            BinOpKind::Gt => Some(">"),
            BinOpKind::Gte => Some(">="),
            BinOpKind::In => Some("in"),
            BinOpKind::Concat => Some(filters::CONCAT),
            _ => None,
        };
        if is_comparison(function) {
            not_with_none(&binary.left, &binary.right, span)?;
        }
        let left = self.expression(&binary.left)?;
        let right = self.expression(&binary.right)?;
        if let Some(name) = function {
            return Ok(call(name, vec![left, right], span));
        }
        let op = binary.op;
        let copied = Expr::BinOp(Spanned::new(ast::BinOp { op, left, right }, span));
        Ok(match op {
            BinOpKind::Add | BinOpKind::Mul => measured(copied),
            _ => copied,
        })
    }

    fn chain(
        &mut self,
        compare: &ast::Compare<'static>,
        span: Span,
    ) -> Result<Expr<'static>, Mistake> {
        let mut parts = vec![self.expression(&compare.expr)?];
        let mut left = &compare.expr;
        for link in &compare.ops {
            let operator = link_sign(&link.op);
            if is_comparison(Some(operator)) {
                not_with_none(left, &link.expr, span)?;
            }
            parts.push(Expr::Const(Spanned::new(
                ast::Const {
                    value: Value::from(operator),
                },
                span,
            )));
            parts.push(self.expression(&link.expr)?);
            left = &link.expr;
        }
        Ok(call(compare::CHAIN, parts, span))
    }

    fn call(&mut self, call: &Spanned<Call<'static>>) -> Result<Spanned<Call<'static>>, Mistake> {
        let span = call.span();
        let callee = match &call.expr {
            Expr::Var(function) if function.id == "loop" => variable(function.id, span),
            Expr::Var(function) => {
                if FILTERS.contains(&function.id) {
                    let help = format!("write `value|{}`", function.id);
                    let message = format!("`{}` is a filter, not a function", function.id);
                    return Err(Mistake::new(message).help(help).at(span));
                }
                known("function", function.id, FUNCTIONS, span)?;
                variable(function.id, span)
            }
            Expr::GetAttr(method) if is_loop(&method.expr) => Expr::GetAttr(Spanned::new(
                ast::GetAttr {
                    expr: variable("loop", span),
                    name: method.name,
                },
                span,
            )),
            Expr::GetAttr(method) => {
                return Err(Mistake::new(format!("values have no method `{}`", method.name))
                    .help("use a filter such as `|upper`, or a test such as `is startingwith(\"XAU\")`")
                    .at(span));
            }
            _ => return Err(Mistake::new("only functions can be called").at(span)),
        };
        let args = self.arguments(&call.args)?;
        Ok(Spanned::new(Call { expr: callee, args }, span))
    }

    fn arguments(
        &mut self,
        arguments: &[CallArg<'static>],
    ) -> Result<Vec<CallArg<'static>>, Mistake> {
        arguments
            .iter()
            .map(|argument| {
                Ok(match argument {
                    CallArg::Pos(value) => CallArg::Pos(self.expression(value)?),
                    CallArg::Kwarg(name, value) => CallArg::Kwarg(name, self.expression(value)?),
                    CallArg::PosSplat(value) => CallArg::PosSplat(self.expression(value)?),
                    CallArg::KwargSplat(value) => CallArg::KwargSplat(self.expression(value)?),
                })
            })
            .collect()
    }

    fn optional(&mut self, expr: Option<&Expr<'static>>) -> Result<Option<Expr<'static>>, Mistake> {
        expr.map(|expr| self.expression(expr)).transpose()
    }

    fn all(&mut self, exprs: &[Expr<'static>]) -> Result<Vec<Expr<'static>>, Mistake> {
        exprs.iter().map(|expr| self.expression(expr)).collect()
    }
}

fn variable(name: &'static str, span: Span) -> Expr<'static> {
    Expr::Var(Spanned::new(ast::Var { id: name }, span))
}

fn call(function: &'static str, arguments: Vec<Expr<'static>>, span: Span) -> Expr<'static> {
    Expr::Call(Spanned::new(
        Call {
            expr: variable(function, span),
            args: arguments.into_iter().map(CallArg::Pos).collect(),
        },
        span,
    ))
}

/// Lets a list or map be counted when it is built at run time.
fn measured(built: Expr<'static>) -> Expr<'static> {
    if built.as_const().is_some() {
        return built;
    }
    let span = built.span();
    call(compare::MEASURE, vec![built], span)
}

fn is_loop(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Var(var) if var.id == "loop")
}

fn is_comparison(function: Option<&str>) -> bool {
    matches!(function, Some("==" | "!=" | "<" | "<=" | ">" | ">="))
}

/// Such a comparison can never be true, which is surely not what was meant.
fn not_with_none(left: &Expr<'_>, right: &Expr<'_>, span: Span) -> Result<(), Mistake> {
    let is_none = |expr: &Expr<'_>| matches!(expr, Expr::Const(value) if value.value.is_none());
    if is_none(left) || is_none(right) {
        return Err(Mistake::new("comparing with `none` is always false")
            .help("write `is none` or `is not none`")
            .at(span));
    }
    Ok(())
}

fn known(what: &str, name: &str, names: &[&str], span: Span) -> Result<(), Mistake> {
    if names.contains(&name) {
        return Ok(());
    }
    Err(Mistake::new(format!("unknown {what} `{name}`"))
        .help(one_of(name, names))
        .at(span))
}
