//! A text with one kind of escape undone, and where in the text each byte of it stood.
//!
//! A file of its own because it knows escapes and no credentials. Whoever escapes less than he may, or
//! what stands in no escape, is read as it is; whatever was escaped several times is undone as often.

use std::ops::Range;

/// The ways in which a receiver may write what it repeats.
#[derive(Clone, Copy, Debug)]
pub(super) enum Escape {
    /// A string of JSON or JavaScript: `\/`, `\"`, `\u0026`.
    Json,
    /// Text in HTML or XML: `&amp;`, `&#39;`, `&#x27;`.
    Html,
    /// A part of an address: `%2F`, `%2f`.
    Percent,
}

/// What one escape stands for.
enum Unit {
    Character(char),
    /// One byte, maybe a part of a character.
    Byte(u8),
}

/// A text, or what comes of it when escapes are undone.
pub(super) struct Unescaped {
    /// What it says.
    pub(super) bytes: Vec<u8>,
    /// For each byte, what stands for it in the text.
    places: Vec<Range<usize>>,
}

impl Unescaped {
    /// A text as it is.
    pub(super) fn of(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            places: (0..text.len()).map(|at| at..at + 1).collect(),
        }
    }

    /// The same with one more escape undone; nothing where there is none of its kind. Takes time by
    /// its length.
    pub(super) fn without(&self, escape: Escape) -> Option<Self> {
        let mut inner = Self {
            bytes: Vec::with_capacity(self.bytes.len()),
            places: Vec::with_capacity(self.bytes.len()),
        };
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at) {
            let (unit, length) = escape
                .read(&self.bytes[at..])
                .unwrap_or((Unit::Byte(*byte), 1));
            let place = self.place(at..at + length);
            match unit {
                Unit::Byte(byte) => inner.push(&[byte], &place),
                Unit::Character(character) => {
                    inner.push(character.encode_utf8(&mut [0; 4]).as_bytes(), &place);
                }
            }
            at += length;
        }
        (inner.bytes.len() < self.bytes.len()).then_some(inner)
    }

    /// What stands in the text for a part of it that is not empty.
    pub(super) fn place(&self, part: Range<usize>) -> Range<usize> {
        self.places[part.start].start..self.places[part.end - 1].end
    }

    fn push(&mut self, bytes: &[u8], place: &Range<usize>) {
        self.bytes.extend(bytes);
        self.places.extend(bytes.iter().map(|_| place.clone()));
    }
}

impl Escape {
    pub(super) const ALL: [Self; 3] = [Self::Json, Self::Html, Self::Percent];

    /// The escape at the beginning of a text, which is longer than what it stands for, and its length.
    fn read(self, text: &[u8]) -> Option<(Unit, usize)> {
        match (self, text.first()?) {
            (Self::Json, b'\\') => json(text),
            (Self::Html, b'&') => html(text),
            (Self::Percent, b'%') => {
                let byte = u8::try_from(hex(text.get(1..3)?)?).ok()?;
                Some((Unit::Byte(byte), 3))
            }
            _ => None,
        }
    }
}

fn json(text: &[u8]) -> Option<(Unit, usize)> {
    let simple = |character| Some((Unit::Character(character), 2));
    match *text.get(1)? {
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'x' => {
            let character = char::from_u32(hex(text.get(2..4)?)?)?;
            Some((Unit::Character(character), 4))
        }
        b'u' => {
            let first = hex(text.get(2..6)?)?;
            if let Some(character) = char::from_u32(first) {
                return Some((Unit::Character(character), 6));
            }
            let second = text.get(6..12)?.strip_prefix(b"\\u").and_then(hex)?;
            let units = [first, second].map(|unit| u16::try_from(unit).unwrap_or_default());
            let character = char::decode_utf16(units).next()?.ok()?;
            Some((Unit::Character(character), 12))
        }
        mark if mark.is_ascii_punctuation() => simple(char::from(mark)),
        _ => None,
    }
}

/// Longest name or number between `&` and `;`.
const ENTITY_BYTES_MAX: usize = 8;

fn html(text: &[u8]) -> Option<(Unit, usize)> {
    let start = text.get(1..text.len().min(ENTITY_BYTES_MAX + 2))?;
    let length = start.iter().position(|byte| *byte == b';')?;
    let character = match &start[..length] {
        b"amp" => '&',
        b"apos" => '\'',
        b"gt" => '>',
        b"lt" => '<',
        b"quot" => '"',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some((Unit::Character(character), length + 2))
}

fn hex(digits: &[u8]) -> Option<u32> {
    number(digits, 16)
}

/// A number of digits alone: a sign is none.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let text = std::str::from_utf8(digits).ok()?;
    digits.iter().all(is_digit).then_some(())?;
    u32::from_str_radix(text, radix).ok()
}
