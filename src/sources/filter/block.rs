//! The block that has begun: what of it is kept, within the limit, and how it goes on when it is complete.
//!
//! Apart from the filter because it knows nothing of lines that are cut and of what stands between blocks.

use std::borrow::Cow;

use bytes::Bytes;

use super::{COMMENT_BYTES_MAX, Field, NAME_BYTES_MAX, Payloads, RETRY_BYTES_MAX, field};

/// What a line costs beside its value, so that a million empty lines are not free.
pub(super) const LINE_COST: usize = "data: \n".len();

/// A larger buffer is not kept for the next block.
const BUFFER_BYTES_MAX: usize = 1024;

/// The block that has begun and not yet ended.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The `data` lines, each ended by LF.
    pub(super) data: Vec<u8>,
    /// What the block counts against the limit.
    cost: usize,
    /// The last `event` line.
    pub(super) kind: String,
    /// The last usable `id` line.
    pub(super) id: Option<String>,
    /// Its field lines so far, without their ends.
    pub(super) bytes: u64,
    /// The number of its first field line; 0 before that.
    pub(super) line: u64,
    /// Whether a field line that means something has been seen.
    pub(super) open: bool,
    /// Whether it is over the limit and only read away.
    pub(super) oversized: bool,
}

impl Block {
    /// An empty block with the buffer of the one before it, unless that has grown large.
    pub(super) fn begin_anew(&mut self) {
        let mut kind = std::mem::take(&mut self.kind);
        kind.clear();
        kind.shrink_to(BUFFER_BYTES_MAX);
        *self = Self {
            kind,
            ..Self::default()
        };
    }

    /// How many bytes of such a line are worth keeping.
    pub(super) fn worth_keeping(&self, field: Field, event_bytes_max: usize) -> usize {
        match field {
            Field::Comment => 1 + COMMENT_BYTES_MAX,
            Field::Unknown => NAME_BYTES_MAX,
            Field::Retry => RETRY_BYTES_MAX,
            Field::Data | Field::Event if self.oversized => NAME_BYTES_MAX,
            // One byte of value above the limit is enough to see that it is above.
            Field::Data | Field::Event | Field::Id => {
                let room = event_bytes_max.saturating_sub(self.cost);
                NAME_BYTES_MAX + " ".len() + room + 1
            }
        }
    }

    pub(super) fn add_data(&mut self, value: &[u8], is_cut: bool, event_bytes_max: usize) {
        self.open = true;
        if self.oversized {
            return;
        }
        let text = clean(value);
        let start = if self.data.is_empty() { 0 } else { LINE_COST };
        let cost = self.cost + start + text.len();
        if is_cut || cost > event_bytes_max {
            return self.give_up();
        }
        self.cost = cost;
        self.data.reserve(text.len() + 1);
        self.data.extend_from_slice(text.as_bytes());
        self.data.push(b'\n');
    }

    pub(super) fn set_kind(&mut self, value: &[u8], is_cut: bool, event_bytes_max: usize) {
        self.open = true;
        if self.oversized {
            return;
        }
        let kind = clean(value);
        let cost = self.cost - self.kind.len() + kind.len();
        if is_cut || cost > event_bytes_max {
            return self.give_up();
        }
        self.cost = cost;
        self.kind.clear();
        self.kind.push_str(&kind);
    }

    pub(super) fn set_id(&mut self, value: &[u8], is_cut: bool, event_bytes_max: usize) {
        if value.contains(&0) {
            return;
        }
        self.open = true;
        let id = clean(value);
        let cost = self.cost - self.id.as_ref().map_or(0, String::len) + id.len();
        if is_cut || cost > event_bytes_max {
            // Such an id could not be sent back anyway, and the one before it is no longer right.
            self.id = None;
            return self.give_up();
        }
        self.cost = cost;
        self.id = Some(id.into_owned());
    }

    /// Frees what was kept; from here on the block is only read away. Its id stays.
    fn give_up(&mut self) {
        self.oversized = true;
        self.data = Vec::new();
        self.kind = String::new();
        self.cost = self.id.as_ref().map_or(0, String::len);
    }

    /// Writes all of it but the id. Its payload goes past the assembler.
    pub(super) fn write(&mut self, payloads: &Payloads, out: &mut Vec<u8>) {
        let mut payload = std::mem::take(&mut self.data);
        // The LF behind the last line.
        payload.pop();
        out.extend_from_slice(b"data: ");
        payloads.put(Bytes::from(payload), out);
        out.push(b'\n');
        if !self.kind.is_empty() {
            field("event: ", self.kind.as_bytes(), out);
        }
        out.push(b'\n');
    }
}

/// The bytes as text. The look at the whole first is worth it, since nearly everything is text.
fn clean(value: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
}
