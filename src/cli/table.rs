//! Tables for a terminal: as wide as it is and no wider, and foreign text as nothing but text.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns where there is no terminal.
const COLUMNS: usize = 80;

/// A column that has to shrink keeps this much, as far as there is room at all.
const SHRUNK_MIN: usize = 6;

/// Between two columns.
const GAP: &str = "  ";

/// Rows of cells under a head. Only columns that may shrink are cut.
#[derive(Debug)]
pub(super) struct Table {
    head: Vec<&'static str>,
    shrinks: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. A column is its head, and whether it may be cut.
    pub(super) fn new(columns: &[(&'static str, bool)]) -> Self {
        Self {
            head: columns.iter().map(|column| column.0).collect(),
            shrinks: columns.iter().map(|column| column.1).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, escaped.
    pub(super) fn row(&mut self, cells: &[&str]) {
        self.rows
            .push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The lines, none of them wider than `columns`.
    pub(super) fn lines(&self, columns: usize) -> Vec<String> {
        let widths = self.widths(columns);
        let head: Vec<String> = self.head.iter().map(|&cell| cell.to_owned()).collect();
        let line = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| {
                let cell = cut(cell, *width);
                let padding = width.saturating_sub(cell.width());
                format!("{cell}{}", " ".repeat(padding))
            });
            let line = cells.collect::<Vec<_>>().join(GAP);
            cut(line.trim_end(), columns)
        };
        std::iter::once(&head).chain(&self.rows).map(line).collect()
    }

    /// As wide as the widest cell; then the widest columns that may shrink give way.
    fn widths(&self, columns: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| cell.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(columns);
        while excess > 0 {
            let widest = widths.iter_mut().zip(&self.shrinks);
            let widest = widest.filter(|(width, shrinks)| **shrinks && **width > SHRUNK_MIN);
            let Some((width, _)) = widest.max_by_key(|(width, _)| **width) else {
                break;
            };
            *width -= 1;
            excess -= 1;
        }
        widths
    }
}

/// How wide a table may be.
pub(super) fn columns() -> usize {
    let output = std::io::stdout();
    if !output.is_terminal() {
        return COLUMNS;
    }
    let size = terminal_size::terminal_size_of(output);
    size.map_or(COLUMNS, |(width, _)| usize::from(width.0).max(1))
}

/// Text without anything that a terminal would obey, or that turns the reading direction.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let obeyed = character.is_control()
            || matches!(
                character,
                '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            );
        if obeyed {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The start of a text that fits into so many columns, with `…` where something is missing.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let mut shown = String::new();
    for character in text.chars() {
        let width = character.width().unwrap_or_default();
        if width > room {
            break;
        }
        room -= width;
        shown.push(character);
    }
    if columns > 0 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("ID", false), ("TYPE", true), ("REASON", true)]);
        table.row(&[
            "msg_1",
            "tp_hit",
            "500 Internal Server Error: all is broken here",
        ]);
        table.row(&[
            "msg_22",
            "\u{1b}[31mred\r\n",
            "取引が失敗しました、もう一度お試しください。お願いします",
        ]);
        table
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_ids_stay_whole() {
        for columns in [30, 40, 80, 200] {
            let lines = table().lines(columns);
            assert_eq!(lines.len(), 3);
            for line in &lines {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
            assert!(lines[1].starts_with("msg_1 ") && lines[2].starts_with("msg_22 "));
        }
        let narrow = table().lines(40);
        assert!(narrow[1].ends_with('…'), "{narrow:?}");
        let lines = table().lines(5);
        assert!(lines.iter().all(|line| line.width() <= 5), "{lines:?}");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let lines = table().lines(200);
        let text = lines.join("|");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains(r"\u{1b}[31mred\r\n"), "{text}");
        assert_eq!(
            printable("a\u{202e}b\u{9b}c\u{7f}"),
            r"a\u{202e}b\u{9b}c\u{7f}"
        );
    }
}
