//! JSON as the printers of other languages lay it out.
//!
//! A file of its own because none of it is ours: the layouts and the escapes are what senders are known
//! to have. The order of the keys and the digits of the numbers are those of the document.

use std::fmt::Write;

use serde_json::Value;

/// Longest document, in bytes. A small one that is nested deeply would fill the memory with its blanks.
const TEXT_BYTES_MAX: usize = 8 << 20;

/// How a printer prints.
pub(super) struct Style {
    /// Between two items.
    pub(super) item: &'static str,
    /// Between a key and its value.
    pub(super) key: &'static str,
    /// Blanks for each level, on lines of their own.
    pub(super) indent: Option<usize>,
    /// Everything beyond ASCII is escaped, as Python and PHP do.
    pub(super) ascii: bool,
    /// `/` is escaped, as PHP does.
    pub(super) slashes: bool,
}

/// A document in a style, unless it would be too long. Its depth is bounded by the parser's.
pub(super) fn text(value: &Value, style: &Style) -> Option<String> {
    let mut out = String::new();
    write_value(&mut out, value, style, 0);
    (out.len() <= TEXT_BYTES_MAX).then_some(out)
}

fn write_value(out: &mut String, value: &Value, style: &Style, level: usize) {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (Some(key), value));
            write_list(out, ['{', '}'], entries, style, level);
        }
        Value::Array(items) => {
            let items = items.iter().map(|value| (None, value));
            write_list(out, ['[', ']'], items, style, level);
        }
        Value::String(text) => write_string(out, text, style),
        other => out.push_str(&other.to_string()),
    }
}

fn write_list<'a>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = (Option<&'a String>, &'a Value)>,
    style: &Style,
    level: usize,
) {
    let is_empty = items.len() == 0;
    out.push(open);
    for (index, (key, value)) in items.enumerate() {
        if out.len() > TEXT_BYTES_MAX {
            return;
        }
        if index > 0 {
            out.push_str(style.item);
        }
        new_line(out, style, level + 1);
        if let Some(key) = key {
            write_string(out, key, style);
            out.push_str(style.key);
        }
        write_value(out, value, style, level + 1);
    }
    if !is_empty {
        new_line(out, style, level);
    }
    out.push(close);
}

fn new_line(out: &mut String, style: &Style, level: usize) {
    if let Some(blanks) = style.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', blanks * level));
    }
}

fn write_string(out: &mut String, text: &str, style: &Style) {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    for character in quoted.chars() {
        match character {
            '/' if style.slashes => out.push_str("\\/"),
            it if style.ascii && !it.is_ascii() => {
                for unit in it.encode_utf16(&mut [0; 2]) {
                    // Writing to a text cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            it => out.push(it),
        }
    }
}
