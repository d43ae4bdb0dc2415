//! An answer over HTTP as an input writes it: a line with the status, lines with headers, an empty line, and
//! the body as it is.

use bellwire::model::Reply;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Reads one. A status that there is not, and headers that cannot be, are nothing that arrives.
pub fn read(input: &[u8]) -> Option<Reply> {
    let (head, body) = split_head(input);
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = std::str::from_utf8(lines.next()?).ok()?.trim();
    let status = status.parse().ok().filter(|it| (100..=999).contains(it))?;
    Some(Reply {
        status,
        headers: headers(lines),
        body: Bytes::copy_from_slice(body),
    })
}

/// What stands before the first empty line, and what behind it.
pub fn split_head(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    end.map_or((input, &[]), |end| (&input[..end], &input[end + 2..]))
}

/// Reads headers, one on each line.
pub fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}
