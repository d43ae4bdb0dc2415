//! Tables for a terminal: as wide as it is and no wider, and foreign text as nothing but text.

use std::io::IsTerminal;

use unicode_width::UnicodeWidthStr;

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// A column that has to shrink keeps this much, as far as there is room at all.
const SHRUNK_MIN: usize = 6;

/// Between two columns.
const GAP: &str = "  ";

/// The same where no terminal is. No cell has one, as it would be escaped.
const TAB: &str = "\t";

/// Before what goes on in a further line.
const INDENT: &str = "  ";

/// Rows of cells under a head. Only columns that may shrink are cut. Where there is no room even so, head
/// and rows go on in further lines.
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

    /// The lines for a terminal of so many columns, or for a program, which takes its cells apart by tabs:
    /// one long cell is then no other row's business.
    pub(super) fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let Some(columns) = columns else {
            let rows = self.rows.iter().map(|cells| cells.join(TAB));
            return std::iter::once(self.head.join(TAB)).chain(rows).collect();
        };
        self.fitted(columns)
    }

    /// The lines, none of them wider than `columns`.
    fn fitted(&self, columns: usize) -> Vec<String> {
        let decks = self.decks(columns);
        let head: Vec<String> = self.head.iter().map(|&cell| cell.to_owned()).collect();
        let rows = std::iter::once(&head).chain(&self.rows);
        let lines = rows.flat_map(|cells| {
            decks.iter().map(|deck| {
                let cells = deck.columns.iter().map(|(column, width)| {
                    let cell = cut(&cells[*column], *width);
                    let padding = width.saturating_sub(cell.width());
                    format!("{cell}{}", " ".repeat(padding))
                });
                let line = cells.collect::<Vec<_>>().join(GAP);
                cut(&format!("{}{}", deck.indent, line.trim_end()), columns)
            })
        });
        // Of a row whose last cells are empty nothing goes on.
        lines.filter(|line| !line.trim().is_empty()).collect()
    }

    /// Deals the columns out over as few lines as there is room for.
    fn decks(&self, columns: usize) -> Vec<Deck> {
        let mut decks: Vec<Deck> = Vec::new();
        let mut taken = 0;
        for (column, width) in self.widths().into_iter().enumerate() {
            let least = match self.shrinks[column] {
                true => width.min(SHRUNK_MIN),
                false => width,
            };
            match decks.last_mut() {
                Some(deck) if taken + GAP.len() + least <= columns => {
                    taken += GAP.len() + least;
                    deck.columns.push((column, width));
                }
                last => {
                    let indent = if last.is_some() { INDENT } else { "" };
                    taken = indent.len() + least;
                    let columns = vec![(column, width)];
                    decks.push(Deck { indent, columns });
                }
            }
        }
        for deck in &mut decks {
            deck.shrink(&self.shrinks, columns);
        }
        decks
    }

    /// As wide as the widest cell.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| cell.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        widths
    }
}

/// The columns that stand in one line, each with its width.
struct Deck {
    indent: &'static str,
    columns: Vec<(usize, usize)>,
}

impl Deck {
    /// Has the widest columns that may shrink give way until all of them fit.
    fn shrink(&mut self, shrinks: &[bool], columns: usize) {
        let gaps = GAP.len() * self.columns.len().saturating_sub(1);
        let widths: usize = self.columns.iter().map(|(_, width)| width).sum();
        let mut excess = (self.indent.len() + widths + gaps).saturating_sub(columns);
        while excess > 0 {
            let shrink = self
                .columns
                .iter_mut()
                .filter(|(column, width)| shrinks[*column] && *width > SHRUNK_MIN);
            let Some((_, width)) = shrink.max_by_key(|(_, width)| *width) else {
                break;
            };
            *width -= 1;
            excess -= 1;
        }
    }
}

/// How wide a table may be; `None` where no terminal is, and whoever reads on gets all of it.
pub(super) fn columns() -> Option<usize> {
    let output = std::io::stdout();
    output.is_terminal().then(|| {
        let size = terminal_size::terminal_size_of(output);
        size.map_or(COLUMNS, |(width, _)| usize::from(width.0))
    })
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
    let room = columns.saturating_sub(1);
    let mut shown = String::new();
    for character in text.chars() {
        let before = shown.len();
        shown.push(character);
        // Of the whole, since some characters are wider with the one behind them.
        if shown.width() > room {
            shown.truncate(before);
            break;
        }
    }
    if columns > 0 {
        shown.push('…');
    }
    shown
}

/// Lines of words, none wider than `columns` unless a word alone is.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is one at the start");
        if last.is_empty() {
            last.push_str(word);
        } else if last.width().saturating_add(1 + word.width()) <= columns {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
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
            let lines = table().fitted(columns);
            assert_eq!(lines.len(), 3);
            for line in &lines {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
            assert!(lines[1].starts_with("msg_1 ") && lines[2].starts_with("msg_22 "));
        }
        let narrow = table().fitted(40);
        assert!(narrow[1].ends_with('…'), "{narrow:?}");
        let lines = table().fitted(5);
        assert!(lines.iter().all(|line| line.width() <= 5), "{lines:?}");
    }

    #[test]
    fn where_the_columns_have_no_room_rows_go_on_in_further_lines() {
        let mut table = Table::new(&[
            ("ID", false),
            ("STATE", false),
            ("SINK", true),
            ("TRIES", false),
            ("REASON", true),
        ]);
        let reason = "422 Unprocessable Entity";
        table.row(&[
            "msg_1f0c5a9be2d7_412",
            "in_flight",
            "automation",
            "12",
            reason,
        ]);
        table.row(&["msg_1f0c5a9be2d7_411", "dead", "取引取引取引", "1", ""]);
        let expected = [
            "ID                    STATE      SINK",
            "  TRIES  REASON",
            "msg_1f0c5a9be2d7_412  in_flight  automa…",
            "  12     422 Unprocessable Entity",
            "msg_1f0c5a9be2d7_411  dead       取引取…",
            "  1",
        ];
        assert_eq!(table.fitted(40), expected);
        let expected = [
            "ID                    STATE",
            "  SINK          TRIES  REASON",
            "msg_1f0c5a9be2d7_412  in_flight",
            "  automation    12     422 Unproce…",
            "msg_1f0c5a9be2d7_411  dead",
            "  取引取引取引  1",
        ];
        assert_eq!(table.fitted(35), expected);
        let expected = [
            "ID                    STATE      SINK          TRIES  REASON",
            "msg_1f0c5a9be2d7_412  in_flight  automation    12     422 Unprocessable Entity",
            "msg_1f0c5a9be2d7_411  dead       取引取引取引  1",
        ];
        assert_eq!(table.fitted(usize::MAX), expected, "all of it in one line");
        for columns in 1..100 {
            let lines = table.fitted(columns);
            assert!(
                lines.iter().all(|line| line.width() <= columns),
                "{lines:?}"
            );
        }
        // Nobody has to guess which delivery it is, down to the width of an id.
        for columns in 20..100 {
            let text = table.fitted(columns).concat();
            for id in ["msg_1f0c5a9be2d7_412", "msg_1f0c5a9be2d7_411"] {
                assert!(text.contains(id), "{columns}: {text}");
            }
        }
    }

    #[test]
    fn a_cut_text_is_as_wide_as_it_is_shown() {
        // A heart that the selector behind it makes an emoji, two columns wide.
        let hearts = "\u{2764}\u{fe0f}".repeat(5);
        assert_eq!(hearts.width(), 10);
        for columns in 0..10 {
            let shown = cut(&hearts, columns);
            assert!(shown.width() <= columns, "{columns}: {shown}");
        }
        assert_eq!(cut("取引失敗", 6), "取引…");
        assert_eq!(cut("取引失敗", 8), "取引失敗");
        assert_eq!(cut("x", 0), "");
    }

    #[test]
    fn where_no_terminal_is_a_long_cell_is_its_own_row_s_business() {
        let mut table = Table::new(&[("ID", false), ("TYPE", true), ("REASON", true)]);
        let long = "x".repeat(10_000);
        table.row(&["msg_1", &long, ""]);
        table.row(&["msg_2", "a\tb", "no such host"]);
        let expected = [
            "ID\tTYPE\tREASON".to_owned(),
            format!("msg_1\t{long}\t"),
            "msg_2\ta\\tb\tno such host".to_owned(),
        ];
        assert_eq!(table.lines(None), expected);
        assert_eq!(table.lines(Some(40)), table.fitted(40));
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let lines = table().fitted(200);
        let text = lines.join("|");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains(r"\u{1b}[31mred\r\n"), "{text}");
        assert_eq!(
            printable("a\u{202e}b\u{9b}c\u{7f}"),
            r"a\u{202e}b\u{9b}c\u{7f}"
        );
    }
}
