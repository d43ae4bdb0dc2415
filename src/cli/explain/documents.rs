//! The documents of an input that is no stream: one a line, as programs write them, or JSON over several
//! lines, as people do.
//!
//! A file of its own because JSON over several lines is known only at its end. So all of it is kept, up to
//! a limit; documents that are one a line are not.

use std::io::{BufRead, Cursor, Read};

use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::form::Input;
use super::lines::{LINES_MAX, Lines, Trouble};
use crate::sources::EVENT_BYTES_MAX;

/// Most bytes of JSON over several lines.
const WHOLE_BYTES_MAX: usize = EVENT_BYTES_MAX;

/// How the answer of a server begins.
const HEAD: &[u8] = b"HTTP/";

/// The line in which a document begins, from 1, and the document.
pub(super) type Document = (u64, Result<Vec<u8>, Trouble>);

/// Reads documents. The first line that is not blank tells how: one that is not complete, or a list of
/// events, is the start of one JSON text.
pub(super) fn documents(mut input: Input) -> Box<dyn Iterator<Item = Document>> {
    let mut start = Vec::new();
    while start.trim_ascii().is_empty() {
        match limited(&mut input, &start).read_until(b'\n', &mut start) {
            Ok(1..) => {}
            // What cannot be read is told by whoever reads on.
            Ok(0) | Err(_) => break,
        }
    }
    let first = start.trim_ascii();
    if first.starts_with(HEAD) {
        let number = line(&start, start.len() - start.trim_ascii_start().len());
        return Box::new(std::iter::once((number, Err(Trouble::Head))));
    }
    if goes_on(first)
        && limited(&mut input, &start).read_to_end(&mut start).is_ok()
        && start.len() <= WHOLE_BYTES_MAX
        && let Some(documents) = whole(&start)
    {
        return Box::new(documents.into_iter());
    }
    Box::new(Lines::of(Cursor::new(start).chain(input)))
}

/// What of the input may still be kept, and one byte that tells that there is more.
fn limited<'a>(input: &'a mut Input, start: &[u8]) -> std::io::Take<&'a mut Input> {
    let room = (WHOLE_BYTES_MAX + 1).saturating_sub(start.len());
    input.take(u64::try_from(room).unwrap_or(u64::MAX))
}

fn goes_on(first: &[u8]) -> bool {
    match serde_json::from_slice::<&RawValue>(first) {
        Ok(document) => events(document).is_some(),
        Err(error) => error.is_eof() && !first.is_empty(),
    }
}

/// The documents of a JSON text; `None` where it is none.
fn whole(text: &[u8]) -> Option<Vec<Document>> {
    let values = Deserializer::from_slice(text).into_iter::<&RawValue>();
    let mut values = values.collect::<Result<Vec<_>, _>>().ok()?;
    if let [only] = values.as_slice()
        && let Some(events) = events(only)
    {
        values = events;
    }
    let most = usize::try_from(LINES_MAX).unwrap_or(usize::MAX);
    let begins = |value: &RawValue| line(text, value.get().as_ptr().addr() - text.as_ptr().addr());
    let documents = values.iter().enumerate().map(|(count, value)| {
        let document = match count < most {
            true => Ok(value.get().as_bytes().to_vec()),
            false => Err(Trouble::TooMany),
        };
        (begins(value), document)
    });
    Some(documents.take(most + 1).collect())
}

/// The events of a list that holds nothing else.
fn events(document: &RawValue) -> Option<Vec<&RawValue>> {
    let items: Vec<&RawValue> = serde_json::from_str(document.get()).ok()?;
    let is_event = |item: &&RawValue| item.get().starts_with('{');
    (!items.is_empty() && items.iter().all(is_event)).then_some(items)
}

/// The line of a place in a text.
fn line(text: &[u8], place: usize) -> u64 {
    let before = text[..place].iter().filter(|byte| **byte == b'\n').count();
    1 + u64::try_from(before).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// `line:document` of each.
    fn told(text: &str) -> Vec<String> {
        let bytes = Cursor::new(text.as_bytes().to_vec());
        let documents = documents(Box::new(BufReader::with_capacity(2, bytes)));
        let told = documents.map(|(number, document)| match document {
            Ok(document) => format!("{number}:{}", String::from_utf8_lossy(&document)),
            Err(trouble) => format!("{number}:{trouble:?}"),
        });
        told.collect()
    }

    #[test]
    fn json_over_several_lines_is_read_as_a_whole() {
        let object = "{\n  \"a\": [\n1]\n}";
        assert_eq!(told(&format!("\n{object}\n")), [format!("2:{object}")]);
        // As `jq` writes several.
        assert_eq!(
            told(&format!("{object}\n{object}\n{{}}")),
            [
                format!("1:{object}"),
                format!("5:{object}"),
                "9:{}".to_owned()
            ]
        );
        for list in ["[{\"a\":1},{}]", "[\n{\"a\":1},\n{}\n]\n"] {
            let lines = list.matches('\n').count();
            let (first, second) = if lines == 0 { (1, 1) } else { (2, 3) };
            assert_eq!(
                told(list),
                [format!("{first}:{{\"a\":1}}"), format!("{second}:{{}}")]
            );
        }
    }

    #[test]
    fn what_is_one_a_line_stays_so() {
        assert_eq!(told("{}\n[1]\n\n[{}]\n"), ["1:{}", "2:[1]", "4:[{}]"]);
        assert_eq!(told("[1]\n[]\n"), ["1:[1]", "2:[]"]);
        assert_eq!(told("[{}, 1]\n"), ["1:[{}, 1]"]);
        assert_eq!(told("[]"), ["1:[]"]);
        assert_eq!(told("[]\n{}"), ["1:[]", "2:{}"]);
        assert_eq!(told("[{}]\nx\n"), ["1:[{}]", "2:x"]);
        // A first line that is cut off takes no other with it.
        assert_eq!(told("{\"a\":\n{}\nx"), ["1:{\"a\":", "2:{}", "3:x"]);
        assert_eq!(told("\"x\n{}"), ["1:\"x", "2:{}"]);
        assert_eq!(told(" \n"), [""; 0]);
    }

    #[test]
    fn the_head_of_an_answer_is_told_and_ends_it() {
        assert_eq!(
            told("\nHTTP/1.1 200 OK\r\nA: b\r\n\r\ndata: x\n"),
            ["2:Head"]
        );
    }
}
