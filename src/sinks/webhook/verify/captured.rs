//! A request as somebody wrote it down: a head of lines, an empty line, and the bytes of the body.
//!
//! A file of its own because captures come from many hands: with a request line or without, with either
//! kind of line end, out of HTTP/2 with its pseudo-headers. The body is never read here, only cut off.

use memchr::memchr;

/// The byte order mark in UTF-8, which some editors write before a text.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A captured request.
pub struct Captured<'a> {
    headers: Vec<(String, &'a str)>,
    /// Everything behind the empty line.
    pub(super) body: &'a [u8],
}

impl<'a> Captured<'a> {
    /// Reads a capture.
    ///
    /// # Errors
    /// What about it is no request, with the number of the line. Nothing of the line is repeated.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut rest = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let mut headers = Vec::new();
        for number in 1.. {
            let Some(end) = memchr(b'\n', rest) else {
                return Err("there is no empty line between the headers and the body".to_owned());
            };
            let line = &rest[..end];
            rest = &rest[end + 1..];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            match header(line) {
                Some(header) => headers.push(header),
                None if number == 1 && is_request_line(line) => {}
                None if line.starts_with(b":") => {}
                None => {
                    return Err(format!(
                        "line {number} is no header: expected `name: value`, and an empty line before the body"
                    ));
                }
            }
        }
        Ok(Self {
            headers,
            body: rest,
        })
    }

    /// The values of a header, in the order of the lines.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| *value)
    }

    /// Whether a header is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// How long the body was when it was sent, as far as that is told.
    pub(super) fn content_length(&self) -> Option<usize> {
        self.values("content-length").next()?.parse().ok()
    }
}

/// Name, in small letters, and value.
fn header(line: &[u8]) -> Option<(String, &str)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(is_token);
    is_name.then(|| (name.to_ascii_lowercase(), value.trim()))
}

/// What a name of a header may have in it, as RFC 9110 has it.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    !method.is_empty() && method.iter().all(u8::is_ascii_uppercase) && words.next().is_some()
}
