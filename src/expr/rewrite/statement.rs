//! The statements of a template: what is copied, and what is not offered.
//!
//! Apart from its parent because expressions never hold statements. Includes, imports, blocks and
//! macros are not compiled into the engine at all; its parser refuses them.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, Expr, Spanned, Stmt};

use super::super::mistake::Mistake;
use super::Rewriter;
use super::node::nothing;

impl Rewriter {
    pub(in crate::expr) fn statement(&mut self, statement: &Stmt<'static>) -> Stmt<'static> {
        let nothing = || Stmt::EmitRaw(Spanned::new(ast::EmitRaw { raw: "" }, Span::default()));
        self.descend(None, |rewriter| rewriter.copy_statement(statement))
            .unwrap_or_else(nothing)
    }

    fn copy_statement(&mut self, statement: &Stmt<'static>) -> Stmt<'static> {
        match statement {
            Stmt::Template(template) => Stmt::Template(Spanned::new(
                ast::Template {
                    children: self.body(&template.children),
                },
                template.span(),
            )),
            Stmt::EmitExpr(emit) => Stmt::EmitExpr(Spanned::new(
                ast::EmitExpr {
                    expr: self.expression(&emit.expr),
                },
                emit.span(),
            )),
            Stmt::EmitRaw(raw) => {
                Stmt::EmitRaw(Spanned::new(ast::EmitRaw { raw: raw.raw }, raw.span()))
            }
            Stmt::ForLoop(each) => Stmt::ForLoop(Spanned::new(
                ast::ForLoop {
                    target: self.target(&each.target),
                    iter: self.expression(&each.iter),
                    filter_expr: self.optional(each.filter_expr.as_ref()),
                    recursive: each.recursive,
                    body: self.body(&each.body),
                    else_body: self.body(&each.else_body),
                },
                each.span(),
            )),
            Stmt::IfCond(condition) => Stmt::IfCond(Spanned::new(
                ast::IfCond {
                    expr: self.expression(&condition.expr),
                    true_body: self.body(&condition.true_body),
                    false_body: self.body(&condition.false_body),
                },
                condition.span(),
            )),
            Stmt::WithBlock(with) => Stmt::WithBlock(Spanned::new(
                ast::WithBlock {
                    assignments: with
                        .assignments
                        .iter()
                        .map(|(name, value)| (self.target(name), self.expression(value)))
                        .collect(),
                    body: self.body(&with.body),
                },
                with.span(),
            )),
            Stmt::Set(set) => Stmt::Set(Spanned::new(
                ast::Set {
                    target: self.target(&set.target),
                    expr: self.expression(&set.expr),
                },
                set.span(),
            )),
            Stmt::SetBlock(set) => Stmt::SetBlock(Spanned::new(
                ast::SetBlock {
                    target: self.target(&set.target),
                    filter: self.optional(set.filter.as_ref()),
                    body: self.body(&set.body),
                },
                set.span(),
            )),
            Stmt::FilterBlock(block) => Stmt::FilterBlock(Spanned::new(
                ast::FilterBlock {
                    filter: self.expression(&block.filter),
                    filter_span: block.filter_span,
                    body: self.body(&block.body),
                },
                block.span(),
            )),
            Stmt::AutoEscape(block) => {
                let mistake = Mistake::new("`autoescape` is not offered")
                    .help("each sink escapes for its own platform");
                self.wrong(mistake, block.span());
                let children = self.body(&block.body);
                Stmt::Template(Spanned::new(ast::Template { children }, block.span()))
            }
            Stmt::Do(action) => {
                let mistake = Mistake::new("`do` is not offered")
                    .help("write `{{ … }}` to print, or `{% set … %}` to keep a value");
                self.wrong(mistake, action.span());
                let expr = Expr::Call(self.call(&action.call));
                Stmt::EmitExpr(Spanned::new(ast::EmitExpr { expr }, action.span()))
            }
        }
    }

    fn body(&mut self, statements: &[Stmt<'static>]) -> Vec<Stmt<'static>> {
        statements
            .iter()
            .map(|statement| self.statement(statement))
            .collect()
    }

    /// Copies the names that a loop, `set` or `with` gives values to.
    fn target(&mut self, expr: &Expr<'static>) -> Expr<'static> {
        let span = expr.span();
        match expr {
            Expr::Var(var) => {
                self.names_event |= var.id == "event";
                Expr::Var(Spanned::new(ast::Var { id: var.id }, span))
            }
            Expr::List(list) => {
                let items = list.items.iter().map(|item| self.target(item)).collect();
                Expr::List(Spanned::new(ast::List { items }, span))
            }
            _ => {
                let mistake = Mistake::new("a value can only be given to a plain name");
                self.wrong(mistake, span);
                nothing(span)
            }
        }
    }
}
