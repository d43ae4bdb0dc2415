//! A compiled text, and how it is run: with fuel, with bounded output, and with its failures put
//! into words that hold nothing of the payload.
//!
//! The syntax tree is rewritten between parser and code generator, which the engine's own
//! `compile_expression` has no place for; so the three steps are taken here one by one.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, PoisonError};

use minijinja::machinery::ast::Expr;
use minijinja::machinery::{self, CodeGenerator, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Error, ErrorKind, Value};

use super::engine::ENGINE;
use super::limits::{self, OUTPUT_BYTES_MAX};
use super::mistake::Mistake;
use super::rewrite::Rewriter;
use super::scope::{Scope, TOO_DEEP};
use super::vocabulary::Vocabulary;

/// Most characters of the source that a fault quotes.
const EXCERPT_CHARS_MAX: usize = 60;

/// What a condition or a key looks like, for one that cannot be read.
const EXPRESSION_HELP: &str = "such as `data.symbol == \"XAUUSD\" and data.realized_pl > 0`";

/// What a template looks like, for one that cannot be read.
const TEMPLATE_HELP: &str =
    "text with `{{ … }}` around what is looked up, such as `{{ data.symbol }}`";

/// A compiled expression or template.
pub(super) struct Program {
    source: &'static str,
    instructions: Instructions<'static>,
    doubts: Vec<Mistake>,
}

/// Why an expression or template could not be worked out for an event.
///
/// The words come from the configuration and from here, never from the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    what: String,
    /// The part of the source that it happened at, as it is told behind the rest.
    place: String,
}

impl Program {
    pub(super) fn expression(source: &str, vocabulary: Vocabulary) -> Result<Self, Vec<Mistake>> {
        limits::check(source, true).map_err(alone)?;
        let source = keep(source);
        let parsed =
            machinery::parse_expr(source).map_err(|error| alone(wrong_operator(source, &error)))?;
        let mut rewriter = Rewriter::new(vocabulary);
        let rewritten = rewriter.expression(&parsed);
        let doubts = rewriter.finish(|| {
            let compiled = ENGINE.compile_expression(source);
            compiled
                .map(|compiled| compiled.undeclared_variables(false))
                .map_err(|error| Mistake::syntax(&error).help(EXPRESSION_HELP))
        })?;
        let mut generator = CodeGenerator::new("", source);
        generator.compile_expr(&rewritten);
        Ok(Self::of(source, generator).doubting(doubts))
    }

    pub(super) fn template(source: &str, vocabulary: Vocabulary) -> Result<Self, Vec<Mistake>> {
        limits::check(source, false).map_err(alone)?;
        let source = keep(source);
        let unreadable = |error: Error| Mistake::syntax(&error).help(TEMPLATE_HELP);
        let parsed = machinery::parse(source, "", SyntaxConfig::default())
            .map_err(|error| alone(unreadable(error)))?;
        let mut rewriter = Rewriter::new(vocabulary);
        let rewritten = rewriter.statement(&parsed);
        let doubts = rewriter.finish(|| {
            let compiled = ENGINE.template_from_str(source);
            compiled
                .map(|compiled| compiled.undeclared_variables(false))
                .map_err(unreadable)
        })?;
        let mut generator = CodeGenerator::new("", source);
        generator.compile_stmt(&rewritten);
        Ok(Self::of(source, generator).doubting(doubts))
    }

    pub(super) fn source(&self) -> &str {
        self.source
    }

    /// What is allowed in it, but hardly meant.
    pub(super) fn doubts(&self) -> &[Mistake] {
        &self.doubts
    }

    /// The syntax tree of an expression, as it was written.
    pub(super) fn parsed(&self) -> Option<Expr<'static>> {
        machinery::parse_expr(self.source).ok()
    }

    /// A part of that tree as a program of its own.
    pub(super) fn part(&self, expr: &Expr<'static>) -> Self {
        // Nothing is wrong in a part of a tree in which nothing is wrong.
        let rewritten = Rewriter::new(Vocabulary::Event).expression(expr);
        let mut generator = CodeGenerator::new("", self.source);
        generator.compile_expr(&rewritten);
        Self::of(self.source, generator)
    }

    /// Runs an expression.
    pub(super) fn value(&self, scope: &Scope) -> Result<Value, Fault> {
        let (value, _) = self.run(scope)?;
        Ok(value.unwrap_or_default())
    }

    /// Runs a template.
    pub(super) fn text(&self, scope: &Scope) -> Result<String, Fault> {
        let (_, text) = self.run(scope)?;
        if text.len() > OUTPUT_BYTES_MAX {
            return Err(Fault::new(format!(
                "the result is longer than {OUTPUT_BYTES_MAX} bytes"
            )));
        }
        Ok(text)
    }

    fn of(source: &'static str, generator: CodeGenerator<'static>) -> Self {
        let (instructions, _) = generator.finish();
        Self {
            source,
            instructions,
            doubts: Vec::new(),
        }
    }

    fn doubting(self, doubts: Vec<Mistake>) -> Self {
        Self { doubts, ..self }
    }

    /// A panic of the engine must not stop the program: the event that caused it would come back
    /// with the next replay and stop it again.
    fn run(&self, scope: &Scope) -> Result<(Option<Value>, String), Fault> {
        let mut text = String::new();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut output = machinery::make_string_output(&mut text);
            machinery::eval(
                &ENGINE,
                &self.instructions,
                scope.root(),
                &BTreeMap::new(),
                &mut output,
                AutoEscape::None,
            )
            .map(|(value, _)| value)
        }));
        match ran {
            Ok(Ok(value)) => Ok((value, text)),
            Ok(Err(error)) => Err(Fault::of(&error, self.source)),
            Err(_) => Err(Fault::new("the engine failed on these values".to_owned())),
        }
    }
}

impl Fault {
    pub(super) fn key_too_long() -> Self {
        Self::new(format!(
            "the key is longer than {} bytes",
            super::Expression::KEY_BYTES_MAX
        ))
    }

    /// The same without a word of the source, which may hold a secret.
    #[must_use]
    pub fn without_source(&self) -> &str {
        &self.what
    }

    fn new(what: String) -> Self {
        Self {
            what,
            place: String::new(),
        }
    }

    /// The engine's own detail often quotes values, so only its kind and place are used.
    fn of(error: &Error, source: &str) -> Self {
        let what = match error.kind() {
            _ if error.detail() == Some(TOO_DEEP) => TOO_DEEP,
            ErrorKind::OutOfFuel => "this is more work than one event may cause",
            ErrorKind::WriteFailure => "the result is too long",
            ErrorKind::UndefinedError => "a value is missing",
            ErrorKind::InvalidOperation | ErrorKind::NonPrimitive | ErrorKind::NonKey => {
                "this cannot be done with these values"
            }
            ErrorKind::TooManyArguments | ErrorKind::MissingArgument => {
                "the number of arguments is wrong"
            }
            ErrorKind::UnknownFilter | ErrorKind::UnknownTest => "no such filter or test",
            ErrorKind::CannotUnpack => "this cannot be taken apart",
            _ => "this cannot be worked out",
        };
        let place = error
            .range()
            .and_then(|range| source.get(range))
            .map(excerpt)
            .filter(|text| !text.is_empty())
            .map(|text| format!(": `{text}`"))
            .unwrap_or_default();
        let line = match error.line() {
            Some(line) if source.contains('\n') => format!(" (line {line})"),
            _ => String::new(),
        };
        Self {
            what: what.to_owned(),
            place: format!("{place}{line}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what, self.place)
    }
}

impl std::error::Error for Fault {}

/// Behind a mistake that ends the reading there is nothing more to be found.
fn alone(mistake: Mistake) -> Vec<Mistake> {
    vec![mistake]
}

/// A syntax error in an expression, with a word on the operators that people bring from other languages.
fn wrong_operator(source: &str, error: &Error) -> Mistake {
    let mistake = Mistake::syntax(error);
    let bare = source
        .replace("==", "")
        .replace("!=", "")
        .replace("<=", "")
        .replace(">=", "");
    if source.contains("&&") || source.contains("||") {
        mistake.help("write `and` and `or`")
    } else if bare.contains('=') {
        mistake.help("write `==` to compare")
    } else {
        mistake.help(EXPRESSION_HELP)
    }
}

fn excerpt(source: &str) -> String {
    let line = source.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= EXCERPT_CHARS_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(EXCERPT_CHARS_MAX - 1).collect();
    cut.push('…');
    cut
}

/// Keeps a source for the life of the process.
///
/// Instructions borrow their names and texts from the source, and they run only on an engine that
/// lives equally long. Each distinct text is kept once, so reading a configuration again costs
/// nothing; what grows is bounded by what people write into files.
fn keep(source: &str) -> &'static str {
    static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(source) {
        return known;
    }
    let text: &'static str = Box::leak(source.into());
    kept.insert(text);
    text
}
