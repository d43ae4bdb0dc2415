//! Which form the input has: JSON documents, one a line, or a stream as it was saved.
//!
//! A file of its own because that has to be known before anything is read, and what was looked at for it
//! must not be lost.

use std::io::{BufRead, Cursor, Read};

/// Most bytes that are looked at. Blank lines beyond that are taken for the start of documents.
const START_BYTES_MAX: usize = 64 * 1024;

/// The byte order mark in UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The fields of a stream's events.
const FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];

/// Input that may wait for more, as standard input does.
pub(super) type Input = Box<dyn BufRead + Send>;

/// The input, from its start.
pub(super) enum Form {
    /// JSON documents, one a line.
    Documents(Input),
    /// A stream as it was saved.
    Stream(Input),
}

impl Form {
    /// Tells the form by the first line that is not blank. No JSON document begins with the name of a
    /// field and a colon, or with a comment. What cannot be read is told by whoever reads on.
    pub(super) fn of(mut input: Input) -> Self {
        let mut start = Vec::new();
        let is_stream = loop {
            if let Some(is_stream) = is_stream(&start) {
                break is_stream;
            }
            match input.fill_buf() {
                Ok(more) if !more.is_empty() && start.len() < START_BYTES_MAX => {
                    let length = more.len();
                    start.extend_from_slice(more);
                    input.consume(length);
                }
                _ => break false,
            }
        };
        if start.starts_with(BOM) {
            start.drain(..BOM.len());
        }
        let whole = Box::new(Cursor::new(start).chain(input));
        match is_stream {
            true => Self::Stream(whole),
            false => Self::Documents(whole),
        }
    }
}

/// Whether this is the start of a stream; `None` while that cannot be told.
fn is_stream(start: &[u8]) -> Option<bool> {
    if start.len() < BOM.len() && BOM.starts_with(start) {
        return None;
    }
    let mut rest = start.strip_prefix(BOM).unwrap_or(start);
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let line = &rest[..end.unwrap_or(rest.len())];
        if line.trim_ascii().is_empty() {
            rest = &rest[end? + 1..];
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            let may_be = FIELDS.iter().any(|field| field.starts_with(line));
            return match end {
                None if may_be => None,
                _ => Some(FIELDS.contains(&line)),
            };
        };
        return Some(colon == 0 || FIELDS.contains(&&line[..colon]));
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn told(text: &str, buffer: usize) -> (bool, String) {
        let bytes = Cursor::new(text.as_bytes().to_vec());
        let (is_stream, mut input) =
            match Form::of(Box::new(BufReader::with_capacity(buffer, bytes))) {
                Form::Documents(input) => (false, input),
                Form::Stream(input) => (true, input),
            };
        let mut whole = String::new();
        input.read_to_string(&mut whole).expect("text");
        (is_stream, whole)
    }

    #[test]
    fn the_first_line_tells_the_form_and_nothing_is_lost() {
        for (text, expected) in [
            ("event: tp_hit\ndata: {}\n\n", true),
            ("id:7\n", true),
            ("data:{}", true),
            ("retry: 3\n", true),
            (": ping\n\n", true),
            ("\r\n \n\ndata\n", true),
            ("data\r\ndata: x", true),
            ("data", false),
            ("{\"data\": 1}", false),
            ("[1]\nevent: x\n", false),
            ("\"data: x\"", false),
            ("12\n", false),
            (" data: x\n", false),
            ("dat: x\n", false),
            ("database: x\n", false),
            ("event", false),
            ("", false),
            (" \n\n", false),
        ] {
            for buffer in [1, 2, 1024] {
                let expected = (expected, text.to_owned());
                assert_eq!(told(text, buffer), expected, "{text:?}");
                let marked = format!("\u{feff}{text}");
                assert_eq!(told(&marked, buffer), expected, "{marked:?}");
            }
        }
        let inside = "{\"a\": 1}\n\u{feff}{\"a\": 2}\n";
        assert_eq!(told(inside, 4).1, inside, "only a mark at the start is one");
    }

    #[test]
    fn what_is_looked_at_has_an_end() {
        let blanks = "\n".repeat(2 * START_BYTES_MAX);
        let text = format!("{blanks}data: x\n");
        assert_eq!(told(&text, 1024), (false, text));
    }
}
