//! What a result for people is printed on: with colour or without, and how wide.

use std::io::IsTerminal;

use super::table;
use crate::telemetry::wants_colour;

pub(super) const BOLD: &str = "1";
pub(super) const GREEN: &str = "32";
pub(super) const YELLOW: &str = "33";
pub(super) const DIM: &str = "2";

/// What the lines are for.
pub(super) struct Look {
    pub(super) colour: bool,
    /// Columns of a terminal; `None` where nothing is to be cut.
    pub(super) columns: Option<usize>,
}

impl Look {
    /// For standard output, whatever it is.
    pub(super) fn of_terminal() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self {
            colour: is_terminal && wants_colour(),
            columns: table::columns(),
        }
    }

    /// A text in a style, where there is colour.
    pub(super) fn styled(&self, style: &str, text: &str) -> String {
        match self.colour && !style.is_empty() {
            true => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}
