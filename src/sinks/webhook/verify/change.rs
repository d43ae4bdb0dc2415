//! What happens to bodies between a signature and a receiver, undone again.
//!
//! A file of its own because this list is what people run into: frameworks that parse a body and print it
//! again, editors that end a file with a line break, proxies that take a body out of its chunks. Each
//! guess is what the body may have been before; a signature says whether it was.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::canonical;
use super::captured::{BOM, Captured};
use super::print::{self, Style};

/// Something that happened to a body after it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A line break, or several, were added at the end.
    LineBreakAdded,
    /// The line break at the end was taken off.
    LineBreakLost,
    /// Line ends were made `\r\n`.
    LineEndsLong,
    /// Line ends were made `\n`.
    LineEndsShort,
    /// A byte order mark was put before it.
    MarkAdded,
    /// The byte order mark before it was taken off.
    MarkLost,
    /// There is more than `content-length` says.
    Longer,
    /// It is still in the chunks in which it travelled.
    Chunked,
    /// It is base64.
    Base64,
    /// Its UTF-8 was read as Latin-1 and written as UTF-8 again.
    Latin1,
    /// It was parsed and printed again; it had been compact, as `JSON.stringify` prints it.
    JsonCompact,
    /// It was parsed and printed again; it had blanks behind `,` and `:`, as Python's `json.dumps` prints it.
    JsonSpaced,
    /// It was parsed and printed again; it had been laid out on several lines.
    JsonIndented,
}

/// The layouts in which a document may have been signed.
const LAYOUTS: [(Change, &str, &str, Option<usize>); 4] = [
    (Change::JsonCompact, ",", ":", None),
    (Change::JsonSpaced, ", ", ": ", None),
    (Change::JsonIndented, ",", ": ", Some(2)),
    (Change::JsonIndented, ",", ": ", Some(4)),
];

/// Every body that this one may have been, with what would then have happened to it. The likelier go
/// first, and those that cost most to try last.
pub(super) fn each<'a>(captured: &Captured<'a>) -> impl Iterator<Item = (Change, Cow<'a, [u8]>)> {
    let body = captured.body;
    let with = |bytes: [&[u8]; 2]| Some(bytes.concat());
    let parts = [
        (
            Change::Longer,
            captured
                .content_length()
                .and_then(|length| body.get(..length)),
        ),
        (Change::LineBreakAdded, body.strip_suffix(b"\n")),
        (Change::LineBreakAdded, body.strip_suffix(b"\r\n")),
        (Change::LineBreakAdded, Some(without_line_breaks(body))),
        (Change::MarkAdded, body.strip_prefix(BOM)),
    ];
    let others = [
        (Change::LineBreakLost, with([body, b"\n"])),
        (Change::LineBreakLost, with([body, b"\r\n"])),
        (Change::MarkLost, with([BOM, body])),
        (Change::LineEndsLong, Some(shortened(body))),
        (Change::LineEndsShort, Some(lengthened(body))),
        (Change::Chunked, unchunked(body)),
        (Change::Base64, STANDARD.decode(body.trim_ascii()).ok()),
        (Change::Latin1, latin1(body)),
    ];
    let parts = parts
        .into_iter()
        .map(|(change, part)| (change, part.map(Cow::Borrowed)));
    let others = others
        .into_iter()
        .map(|(change, bytes)| (change, bytes.map(Cow::Owned)));
    let printed = printed(body).map(|(change, text)| (change, Cow::Owned(text.into_bytes())));
    parts
        .chain(others)
        .filter_map(|(change, before)| Some((change, before?)))
        .chain(printed)
        .filter(move |(_, before)| **before != *body)
}

/// The document in every layout, each with the escapes of several printers, and with a line break behind it.
fn printed(body: &[u8]) -> impl Iterator<Item = (Change, String)> + use<> {
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let value: Option<Value> = serde_json::from_slice(body).ok();
    value.into_iter().flat_map(|value| {
        let as_script = (Change::JsonCompact, canonical::text(&value));
        let layouts = LAYOUTS
            .into_iter()
            .flat_map(move |(change, item, key, indent)| {
                let value = value.clone();
                let escapes = [(false, false), (true, false), (false, true), (true, true)];
                escapes.into_iter().filter_map(move |(ascii, slashes)| {
                    let style = Style {
                        item,
                        key,
                        indent,
                        ascii,
                        slashes,
                    };
                    Some((change, print::text(&value, &style)?))
                })
            });
        let texts = std::iter::once(as_script).chain(layouts);
        texts.flat_map(|(change, text)| {
            let line = format!("{text}\n");
            [(change, text), (change, line)]
        })
    })
}

/// Without any line break at the end.
fn without_line_breaks(body: &[u8]) -> &[u8] {
    let last = body.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    &body[..last.map_or(0, |last| last + 1)]
}

/// With `\n` for each `\r\n`.
fn shortened(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for (index, byte) in body.iter().enumerate() {
        if *byte != b'\r' || body.get(index + 1) != Some(&b'\n') {
            out.push(*byte);
        }
    }
    out
}

/// With `\r\n` for each `\n` that is none yet.
fn lengthened(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for byte in body {
        if *byte == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// What stands in the chunks of HTTP/1.1, if it is in any.
fn unchunked(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let size = head.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n")?;
    }
}

/// The bytes that were taken for Latin-1, if they may have been.
fn latin1(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect()
}
