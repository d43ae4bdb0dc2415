//! The block filter: raw bytes of a stream in, clean blocks for the event assembler out.
//!
//! A file of its own because it is where every hostile byte is met, and because it is pure: no clock,
//! no socket, the same result for every way to cut the same bytes. It keeps at most one block of at
//! most the configured size; a larger one is read away and reported. What the assembler has no words
//! for travels in band as a [`Note`], because a side channel would run ahead of the events that
//! still wait to be handled; what is too heavy for it waits in [`Payloads`]. It knows nothing of what is inside an event.

mod block;
mod lines;
mod note;
mod payloads;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub(super) use note::{Note, OwnId, Tag};
pub(super) use payloads::Payloads;

use block::Block;
use lines::Lines;

/// Longest comment that is passed on, in bytes.
const COMMENT_BYTES_MAX: usize = 256;

/// A block this many times larger than the limit closes the connection.
const FLOOD_FACTOR: u64 = 64;

/// Longest `retry` line that is read, in bytes. No number of milliseconds needs more.
const RETRY_BYTES_MAX: usize = 64;

/// As many bytes of a line as tell which field it is: the longest known name and its colon.
const NAME_BYTES_MAX: usize = "event:".len();

/// More than [`FLOOD_FACTOR`] times the limit came without the end of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flood;

/// The filter of one connection.
#[derive(Debug)]
pub(super) struct Filter {
    tag: Tag,
    payloads: Payloads,
    event_bytes_max: usize,
    lines: Lines,
    /// How many lines have ended.
    line: u64,
    partial: Partial,
    block: Block,
    /// Whether the assembler has an id that the next event would inherit.
    is_inherited: bool,
    is_recording: bool,
}

/// The line that has begun and not yet ended.
#[derive(Debug, Default)]
struct Partial {
    /// What is worth keeping of it.
    kept: Vec<u8>,
    /// Its length so far, kept or not.
    bytes: u64,
}

/// What a line is, as far as its beginning tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Comment,
    Data,
    Event,
    Id,
    Retry,
    Unknown,
}

impl Filter {
    /// A filter for a new connection. `event_bytes_max` bounds one event; `tag` marks its notes, and
    /// `payloads` takes what goes past the assembler.
    pub(super) fn new(tag: Tag, payloads: Payloads, event_bytes_max: usize) -> Self {
        Self {
            tag,
            payloads,
            event_bytes_max,
            lines: Lines::default(),
            line: 0,
            partial: Partial::default(),
            block: Block::default(),
            is_inherited: false,
            is_recording: false,
        }
    }

    /// A filter for a recording: it says where each block begins, and keeps the one that is cut off.
    pub(super) fn of_recording(tag: Tag, payloads: Payloads, event_bytes_max: usize) -> Self {
        Self {
            is_recording: true,
            ..Self::new(tag, payloads, event_bytes_max)
        }
    }

    /// Takes the next bytes of the stream and appends what they complete to `out`.
    ///
    /// # Errors
    /// [`Flood`] when a block is beyond every limit; what was completed before it is in `out`.
    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Flood> {
        let mut rest = chunk;
        while let Some(piece) = self.lines.next(&mut rest) {
            if piece.ended && self.partial.bytes == 0 {
                self.line(piece.bytes, piece.bytes.len() as u64, out)?;
                continue;
            }
            self.extend(piece.bytes)?;
            if piece.ended {
                let line = std::mem::take(&mut self.partial);
                self.line(&line.kept, line.bytes, out)?;
            }
        }
        Ok(())
    }

    /// Whether the stream stands inside an event, which its end would cut off.
    pub(super) fn is_inside_event(&self) -> bool {
        let begun = self.partial.bytes > 0 && self.partial.kept.first() != Some(&b':');
        self.block.open || begun
    }

    /// Takes the end of the stream inside an event. A recording's event is complete with it, since files
    /// are cut there; any other is dropped, as the standard has it.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub(super) fn cut_off(&mut self, out: &mut Vec<u8>) -> Result<(), Flood> {
        match self.is_recording {
            true => self.push(b"\n\n", out),
            false => Ok(()),
        }
    }

    /// Bytes held back for lines and blocks that are not complete.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        let id = self.block.id.as_ref().map_or(0, String::len);
        self.partial.kept.len() + self.block.data.len() + self.block.kind.len() + id
    }

    /// Bytes that were looked at in search of line ends.
    #[cfg(test)]
    pub(super) fn scanned_bytes(&self) -> u64 {
        self.lines.scanned
    }

    /// Adds to the line that has begun, keeping only what can still matter.
    fn extend(&mut self, bytes: &[u8]) -> Result<(), Flood> {
        self.partial.bytes += bytes.len() as u64;
        self.check_flood(self.partial.bytes)?;
        let kept = &mut self.partial.kept;
        let missing = NAME_BYTES_MAX.saturating_sub(kept.len()).min(bytes.len());
        let (start, rest) = bytes.split_at(missing);
        kept.extend_from_slice(start);
        let (field, _) = split(&self.partial.kept);
        let most = self.block.worth_keeping(field, self.event_bytes_max);
        let room = most.saturating_sub(self.partial.kept.len()).min(rest.len());
        self.partial.kept.extend_from_slice(&rest[..room]);
        Ok(())
    }

    /// Handles a line: `kept` is what is there of it, `bytes` how long it was.
    fn line(&mut self, kept: &[u8], bytes: u64, out: &mut Vec<u8>) -> Result<(), Flood> {
        self.line += 1;
        if bytes == 0 {
            self.end_block(out);
            return Ok(());
        }
        let (field, value) = split(kept);
        let most = self.block.worth_keeping(field, self.event_bytes_max);
        let rest = kept.len().saturating_sub(most);
        let value = &value[..value.len().saturating_sub(rest)];
        // A comment between two blocks belongs to neither, however many there are.
        self.check_flood(bytes)?;
        if field != Field::Comment || self.block.open {
            if self.block.bytes == 0 {
                self.block.line = self.line;
            }
            self.block.bytes += bytes;
        }
        let is_cut = bytes > most as u64;
        match field {
            Field::Comment => comment(value, out),
            Field::Data => self.block.add_data(value, is_cut, self.event_bytes_max),
            Field::Event => self.block.set_kind(value, is_cut, self.event_bytes_max),
            Field::Id => self.block.set_id(value, is_cut, self.event_bytes_max),
            Field::Retry => {
                if let Some(wait) = milliseconds(value).filter(|_| !is_cut) {
                    Note::Retry(wait).write(self.tag, out);
                }
            }
            Field::Unknown => {}
        }
        Ok(())
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        let block = &mut self.block;
        if self.is_recording && block.line > 0 {
            Note::Line(block.line).write(self.tag, out);
        }
        if block.oversized {
            let (bytes, id) = (block.bytes, block.id.take());
            Note::Skipped { bytes, id }.write(self.tag, out);
        } else if !block.data.is_empty() {
            if block.id.is_some() || self.is_inherited {
                OwnId::write(block.id.as_deref(), out);
            }
            self.is_inherited = block.id.is_some();
            block.write(&self.payloads, out);
        } else if let Some(id) = block.id.take() {
            Note::Id(id).write(self.tag, out);
        }
        block.begin_anew();
    }

    fn check_flood(&self, line_bytes: u64) -> Result<(), Flood> {
        let most = FLOOD_FACTOR.saturating_mul(self.event_bytes_max as u64);
        if self.block.bytes.saturating_add(line_bytes) > most {
            return Err(Flood);
        }
        Ok(())
    }
}

/// Which field a line is and what stands behind its colon.
fn split(line: &[u8]) -> (Field, &[u8]) {
    let beginning = &line[..line.len().min(NAME_BYTES_MAX)];
    let Some(colon) = beginning.iter().position(|byte| *byte == b':') else {
        return (known(line), &[]);
    };
    let value = &line[colon + 1..];
    if colon == 0 {
        return (Field::Comment, value);
    }
    let value = value.strip_prefix(b" ").unwrap_or(value);
    (known(&line[..colon]), value)
}

fn known(name: &[u8]) -> Field {
    match name {
        b"data" => Field::Data,
        b"event" => Field::Event,
        b"id" => Field::Id,
        b"retry" => Field::Retry,
        _ => Field::Unknown,
    }
}

fn field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Passes a comment on at once: a sign of life must not wait for the block.
fn comment(text: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(&text[..text.len().min(COMMENT_BYTES_MAX)]);
    let end = text.floor_char_boundary(COMMENT_BYTES_MAX);
    field(":", &text.as_bytes()[..end], out);
}

/// Digits only, at least one; more than 64 bits count as very many.
fn milliseconds(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok()?;
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}
