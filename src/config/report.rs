//! Everything that is wrong with a configuration, as a person reads it: message, file, line, the
//! text in question, and what would be right.
//!
//! A file of its own because it is the only one that knows how a report looks. It decides nothing
//! about what is a mistake, and what it shows of the file has been masked before.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::context::Context;
use super::document::Places;
use super::keypath;
use super::mask;
use super::problem::{Mistake, Part, Problem};

/// Most mistakes that are shown one by one. Whoever has more has one mistake with many faces.
const SHOWN_MAX: usize = 200;

/// Most characters of a message or a hint that are shown: either may quote a value.
const WORDS_CHARS_MAX: usize = 1000;

/// Most bytes of a line that are shown.
const LINE_BYTES_MAX: usize = 4096;

/// A file, as far as a report needs it.
pub(super) struct Source<'a> {
    /// Its path as it was given.
    pub(super) file: &'a Path,
    /// Its text.
    pub(super) text: &'a str,
    /// Where its entries stand.
    pub(super) places: &'a Places,
    /// Where it stops being TOML, if it does.
    pub(super) broken_at: Option<Range<usize>>,
    /// What has been read of it, and which variables lie over it.
    pub(super) context: &'a Context,
}

/// Where a mistake is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    /// In these bytes of the file.
    Text(usize, usize),
    /// In the file as a whole.
    File,
    /// In the value of an environment variable.
    Variable(String),
}

/// Writes a report about some problems, in the order of the file; `None` when there are none.
pub(super) fn render(source: &Source<'_>, problems: Vec<Problem>, colour: bool) -> Option<String> {
    let spotted = spotted(source, problems);
    if spotted.is_empty() {
        return None;
    }
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let file = normalize_untrusted_str(&source.file.display().to_string());
    let masked = source.masked();
    let mut report = String::new();
    for (spot, message, help) in spotted.iter().take(SHOWN_MAX) {
        let group = group(spot, message, help.as_deref(), &file, &masked);
        report.push_str(&renderer.render(&[group]));
        report.push_str("\n\n");
    }
    report.push_str(&count(spotted.len(), &file));
    report.push('\n');
    Some(report)
}

/// The same one by one, without what the file says there.
pub(super) fn mistakes(source: &Source<'_>, problems: Vec<Problem>) -> Vec<Mistake> {
    let shown = spotted(source, problems).into_iter().take(SHOWN_MAX);
    let mistakes = shown.map(|(spot, message, help)| {
        let (line, column) = match spot {
            Spot::Text(start, end) => {
                let line = line(source.text, start, end);
                let column = 1 + line.text[..line.span.start].chars().count();
                (Some(line.number), Some(column))
            }
            Spot::File | Spot::Variable(_) => (None, None),
        };
        let (file, text) = match spot {
            Spot::Variable(variable) => (None, of_variable(&variable, &message)),
            Spot::Text(..) | Spot::File => (Some(source.file.to_owned()), message),
        };
        Mistake {
            file,
            line,
            column,
            text,
            help,
        }
    });
    mistakes.collect()
}

/// Each problem once, in the order of the file.
fn spotted(
    source: &Source<'_>,
    problems: Vec<Problem>,
) -> BTreeSet<(Spot, String, Option<String>)> {
    let spotted = problems.into_iter().map(|problem| {
        let help = problem.help.as_deref().map(shorten);
        // It may quote a value that stands where none belongs.
        let message = shorten(&mask::words(&problem.message));
        (source.spot(&problem), message, help)
    });
    spotted.collect()
}

impl Source<'_> {
    fn masked(&self) -> String {
        if self.broken_at.is_some() {
            let lines: Vec<_> = self.text.split('\n').map(mask::broken_line).collect();
            lines.join("\n")
        } else {
            mask::text(self.text, self.places, &self.context.marks())
        }
    }

    /// The place of a problem; of something that is not there, the place of what it should be in.
    fn spot(&self, problem: &Problem) -> Spot {
        let mut part = problem.part;
        for path in keypath::outward(&problem.path) {
            if let Some(spot) = self.spot_at(path, part) {
                return spot;
            }
            part = Part::Table;
        }
        match &self.broken_at {
            Some(span) => Spot::Text(span.start, span.end),
            None => Spot::File,
        }
    }

    fn spot_at(&self, path: &str, part: Part) -> Option<Spot> {
        if let Some(variable) = self.context.variable(path) {
            return Some(Spot::Variable(variable.to_owned()));
        }
        let place = self.places.get(path);
        let inside = self.context.variable_inside(path);
        match (place, inside) {
            // A single value of the file under a table from the environment is covered by it.
            (Some(place), Some(variable)) if place.size.is_none() => {
                Some(Spot::Variable(variable.to_owned()))
            }
            (Some(place), _) => place
                .part(part)
                .map(|span| Spot::Text(span.start, span.end)),
            (None, Some(variable)) => Some(Spot::Variable(variable.to_owned())),
            (None, None) => None,
        }
    }
}

fn group<'a>(
    spot: &Spot,
    message: &'a str,
    help: Option<&str>,
    file: &'a str,
    masked: &'a str,
) -> Group<'a> {
    let group = match spot {
        Spot::Text(start, end) => {
            let line = line(masked, *start, *end);
            let annotation = AnnotationKind::Primary.span(line.span);
            Level::ERROR.primary_title(message).element(
                Snippet::source(line.text)
                    .path(file)
                    .line_start(line.number)
                    .annotation(annotation),
            )
        }
        Spot::File => Level::ERROR
            .primary_title(message)
            .element(Origin::path(file)),
        Spot::Variable(variable) => {
            Group::with_title(Level::ERROR.primary_title(of_variable(variable, message)))
        }
    };
    match help {
        Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
        None => group,
    }
}

fn of_variable(variable: &str, message: &str) -> String {
    format!("environment variable `{variable}`: {message}")
}

/// One line of the text and what is underlined in it.
struct Line<'a> {
    number: usize,
    text: &'a str,
    span: Range<usize>,
}

/// The line that a span begins on. What of the span lies on later lines is left out: the beginning
/// is where a reader has to look.
fn line(text: &str, start: usize, end: usize) -> Line<'_> {
    let start = floor(text, start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let rest = &text[line_start..];
    let line = rest.split('\n').next().unwrap_or(rest);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let line = &line[..floor(line, line.len().min(LINE_BYTES_MAX))];
    let from = (start - line_start).min(line.len());
    let to = floor(line, end.saturating_sub(line_start).clamp(from, line.len()));
    // A comment that was blanked leaves spaces behind.
    let line = &line[..line.trim_end().len().max(to)];
    Line {
        number: 1 + text[..line_start].matches('\n').count(),
        text: line,
        span: from..to,
    }
}

/// The nearest offset at or before this one that lies between two characters.
fn floor(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn count(found: usize, file: &str) -> String {
    let mistakes = if found == 1 { "mistake" } else { "mistakes" };
    let shown = if found > SHOWN_MAX {
        format!(", of which the first {SHOWN_MAX} are shown")
    } else {
        String::new()
    };
    format!("{found} {mistakes} in {file}{shown}")
}
