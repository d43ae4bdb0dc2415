//! From the syntax tree as written to the one that runs.
//!
//! Comparisons become calls of our own functions, `~` becomes a call that knows the upstream's
//! digits, and what can build large lists (`[…]`, `{…}`, `+`, `*`) is measured. Everything else is copied
//! node by node, so precedence, whitespace and loops stay the engine's. Names that do not exist and
//! constructs that are not offered are mistakes; they are noted and copied too, so that one of them
//! hides no other. Statements are in `statement`, nodes
//! that the author did not write in `node`.

mod node;
mod statement;

use std::collections::HashSet;

use self::node::{call, measured, nothing, variable};
use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, Call, CallArg, Expr, Spanned, UnaryOpKind};

use super::limits::DEPTH_MAX;
use super::mistake::Mistake;
use super::scope::FIELDS;
use super::spelling::link_sign;
use super::vocabulary::{FILTERS, FUNCTIONS, TESTS, Vocabulary, one_of};
use super::{compare, filters};

/// Copies a tree with its comparisons replaced, and notes what is wrong in it.
pub(super) struct Rewriter {
    vocabulary: Vocabulary,
    depth: usize,
    is_too_deep: bool,
    variables: Vec<(&'static str, Span)>,
    /// Each with the place where it begins.
    mistakes: Vec<(u32, Mistake)>,
    /// Names that `event` does not have.
    doubts: Vec<Mistake>,
    /// Whether the text itself gives `event` a value.
    names_event: bool,
}

impl Rewriter {
    pub(super) fn new(vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary,
            depth: 0,
            is_too_deep: false,
            variables: Vec::new(),
            mistakes: Vec::new(),
            doubts: Vec::new(),
            names_event: false,
        }
    }

    /// Every mistake of the tree, in the order of the text, or what is only doubtful in it. `free` finds
    /// the names that the source leaves undefined; it walks the tree without a limit, so it is not asked
    /// about one that is too deep.
    pub(super) fn finish(
        mut self,
        free: impl FnOnce() -> Result<HashSet<String>, Mistake>,
    ) -> Result<Vec<Mistake>, Vec<Mistake>> {
        if !self.is_too_deep {
            match free() {
                Ok(free) => self.check_variables(&free),
                Err(mistake) => self.mistakes.push((0, mistake)),
            }
        }
        if self.mistakes.is_empty() {
            return Ok(match self.names_event {
                true => Vec::new(),
                false => self.doubts,
            });
        }
        self.mistakes.sort_by_key(|(start, _)| *start);
        Err(self.mistakes.into_iter().map(|(_, it)| it).collect())
    }

    fn check_variables(&mut self, free: &HashSet<String>) {
        for (name, span) in std::mem::take(&mut self.variables) {
            if free.contains(name) && !self.vocabulary.variables().contains(&name) {
                self.wrong(self.vocabulary.unknown_variable(name), span);
            }
        }
    }

    /// Notes a mistake, once for each line that it stands on.
    fn wrong(&mut self, mistake: Mistake, span: Span) {
        let mistake = mistake.at(span);
        if !self.mistakes.iter().any(|(_, known)| *known == mistake) {
            self.mistakes.push((span.start_offset, mistake));
        }
    }

    pub(super) fn expression(&mut self, expr: &Expr<'static>) -> Expr<'static> {
        let span = expr.span();
        self.descend(Some(span), |rewriter| rewriter.copy(expr))
            .unwrap_or_else(|| nothing(span))
    }

    /// Copies one node deeper; `None` below the limit, which is told once. Statements have no place.
    fn descend<T>(&mut self, at: Option<Span>, copy: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth == DEPTH_MAX {
            if !std::mem::replace(&mut self.is_too_deep, true) {
                let mistake = Mistake::new("this is nested too deeply, or one chain is too long");
                match at {
                    Some(span) => self.wrong(mistake, span),
                    None => self.mistakes.push((0, mistake)),
                }
            }
            return None;
        }
        self.depth += 1;
        let copied = copy(self);
        self.depth -= 1;
        Some(copied)
    }

    fn copy(&mut self, expr: &Expr<'static>) -> Expr<'static> {
        let span = expr.span();
        match expr {
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
                    expr: self.expression(&slice.expr),
                    start: self.optional(slice.start.as_ref()),
                    stop: self.optional(slice.stop.as_ref()),
                    step: self.optional(slice.step.as_ref()),
                },
                span,
            )),
            Expr::UnaryOp(unary) => Expr::UnaryOp(Spanned::new(
                ast::UnaryOp {
                    op: match unary.op {
                        UnaryOpKind::Not => UnaryOpKind::Not,
                        UnaryOpKind::Neg => UnaryOpKind::Neg,
                    },
                    expr: self.expression(&unary.expr),
                },
                span,
            )),
            Expr::BinOp(binary) => self.binary(binary, span),
            Expr::Compare(compare) => self.chain(compare, span),
            Expr::IfExpr(choice) => Expr::IfExpr(Spanned::new(
                ast::IfExpr {
                    test_expr: self.expression(&choice.test_expr),
                    true_expr: self.expression(&choice.true_expr),
                    false_expr: self.optional(choice.false_expr.as_ref()),
                },
                span,
            )),
            Expr::Filter(filter) => {
                self.known("filter", filter.name, FILTERS, span);
                self.right(filters::check(filter), span);
                Expr::Filter(Spanned::new(
                    ast::Filter {
                        name: filter.name,
                        expr: self.optional(filter.expr.as_ref()),
                        args: self.arguments(&filter.args),
                    },
                    span,
                ))
            }
            Expr::Test(test) => {
                if self.known("test", test.name, TESTS, span) {
                    self.right(filters::check_test(test.name, &test.args), span);
                }
                Expr::Test(Spanned::new(
                    ast::Test {
                        name: test.name,
                        expr: self.expression(&test.expr),
                        args: self.arguments(&test.args),
                    },
                    span,
                ))
            }
            Expr::GetAttr(attribute) => {
                self.field(&attribute.expr, Some(attribute.name), span);
                Expr::GetAttr(Spanned::new(
                    ast::GetAttr {
                        expr: self.expression(&attribute.expr),
                        name: attribute.name,
                    },
                    span,
                ))
            }
            Expr::GetItem(item) => {
                let name = item.subscript_expr.as_const();
                let name = name.as_ref().and_then(Value::as_str);
                self.field(&item.expr, name, span);
                Expr::GetItem(Spanned::new(
                    ast::GetItem {
                        expr: self.expression(&item.expr),
                        subscript_expr: self.expression(&item.subscript_expr),
                    },
                    span,
                ))
            }
            Expr::Call(call) => Expr::Call(self.call(call)),
            Expr::List(list) => {
                let items = self.all(&list.items);
                measured(Expr::List(Spanned::new(ast::List { items }, span)))
            }
            Expr::Tuple(tuple) => {
                let items = self.all(&tuple.items);
                measured(Expr::Tuple(Spanned::new(ast::Tuple { items }, span)))
            }
            Expr::Map(map) => {
                let keys = self.all(&map.keys);
                let values = self.all(&map.values);
                measured(Expr::Map(Spanned::new(ast::Map { keys, values }, span)))
            }
        }
    }

    fn binary(&mut self, binary: &ast::BinOp<'static>, span: Span) -> Expr<'static> {
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
            self.not_with_none(&binary.left, &binary.right);
        }
        let left = self.expression(&binary.left);
        let right = self.expression(&binary.right);
        if let Some(name) = function {
            return call(name, vec![left, right], span);
        }
        let op = binary.op;
        let copied = Expr::BinOp(Spanned::new(ast::BinOp { op, left, right }, span));
        match op {
            BinOpKind::Add | BinOpKind::Mul => measured(copied),
            _ => copied,
        }
    }

    fn chain(&mut self, compare: &ast::Compare<'static>, span: Span) -> Expr<'static> {
        let mut parts = vec![self.expression(&compare.expr)];
        let mut left = &compare.expr;
        for link in &compare.ops {
            let operator = link_sign(&link.op);
            if is_comparison(Some(operator)) {
                self.not_with_none(left, &link.expr);
            }
            parts.push(Expr::Const(Spanned::new(
                ast::Const {
                    value: Value::from(operator),
                },
                span,
            )));
            parts.push(self.expression(&link.expr));
            left = &link.expr;
        }
        call(compare::CHAIN, parts, span)
    }

    fn call(&mut self, call: &Spanned<Call<'static>>) -> Spanned<Call<'static>> {
        let span = call.span();
        let callee = match &call.expr {
            Expr::Var(function) => {
                self.function(function.id, &call.args, span);
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
                let mistake = Mistake::new(format!("values have no method `{}`", method.name))
                    .help("use a filter such as `|upper`, or a test such as `is startingwith(\"XAU\")`");
                self.wrong(mistake, span);
                self.expression(&call.expr)
            }
            _ => {
                self.wrong(Mistake::new("only functions can be called"), span);
                self.expression(&call.expr)
            }
        };
        let args = self.arguments(&call.args);
        Spanned::new(Call { expr: callee, args }, span)
    }

    fn function(&mut self, name: &str, arguments: &[CallArg<'static>], span: Span) {
        if name == "loop" {
            return;
        }
        if FILTERS.contains(&name) {
            let mistake = Mistake::new(format!("`{name}` is a filter, not a function"));
            self.wrong(mistake.help(format!("write `value|{name}`")), span);
            return;
        }
        if self.known("function", name, FUNCTIONS, span) {
            self.right(filters::check_range(arguments), span);
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'static>]) -> Vec<CallArg<'static>> {
        arguments
            .iter()
            .map(|argument| match argument {
                CallArg::Pos(value) => CallArg::Pos(self.expression(value)),
                CallArg::Kwarg(name, value) => CallArg::Kwarg(name, self.expression(value)),
                CallArg::PosSplat(value) => CallArg::PosSplat(self.expression(value)),
                CallArg::KwargSplat(value) => CallArg::KwargSplat(self.expression(value)),
            })
            .collect()
    }

    fn optional(&mut self, expr: Option<&Expr<'static>>) -> Option<Expr<'static>> {
        expr.map(|expr| self.expression(expr))
    }

    fn all(&mut self, exprs: &[Expr<'static>]) -> Vec<Expr<'static>> {
        exprs.iter().map(|expr| self.expression(expr)).collect()
    }

    /// Such a comparison can never be true, which is surely not what was meant.
    fn not_with_none(&mut self, left: &Expr<'_>, right: &Expr<'_>) {
        let is_none = |expr: &&Expr<'_>| matches!(expr, Expr::Const(it) if it.value.is_none());
        if let Some(none) = [left, right].into_iter().find(is_none) {
            let mistake = Mistake::new("comparing with `none` is always false")
                .help("write `is none` or `is not none`");
            self.wrong(mistake, none.span());
        }
    }

    /// Notes a name that `event` never has: unlike the payload, what it has is known beforehand.
    fn field(&mut self, of: &Expr<'_>, name: Option<&str>, span: Span) {
        let is_event = matches!(of, Expr::Var(var) if var.id == "event");
        let Some(name) = name.filter(|name| is_event && !FIELDS.contains(name)) else {
            return;
        };
        let doubt = Mistake::new(format!("there is no `event.{name}`"));
        let help = one_of(name, FIELDS).replace("did you mean `", "did you mean `event.");
        let doubt = doubt.help(help).at(span);
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }

    /// Whether there is such a name.
    fn known(&mut self, what: &str, name: &str, names: &[&str], span: Span) -> bool {
        let is_known = names.contains(&name);
        if !is_known {
            let mistake = Mistake::new(format!("unknown {what} `{name}`"));
            self.wrong(mistake.help(one_of(name, names)), span);
        }
        is_known
    }

    fn right(&mut self, checked: Result<(), Mistake>, span: Span) {
        if let Err(mistake) = checked {
            self.wrong(mistake, span);
        }
    }
}

fn is_loop(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Var(var) if var.id == "loop")
}

fn is_comparison(function: Option<&str>) -> bool {
    matches!(function, Some("==" | "!=" | "<" | "<=" | ">" | ">="))
}
