//! The payloads of events, which go past the assembler.
//!
//! Apart from the filter because both ends of the stream must agree on how. The assembler goes over all
//! that it is given byte by byte, and copies it several times. An id and a type can bear that; a payload
//! waits here for its event instead, which has its number for data. So it cannot run ahead of its event,
//! nor come to another.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The payloads of one connection that wait for their events. Clones share them.
#[derive(Clone, Debug, Default)]
pub(in crate::sources) struct Payloads(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    payloads: VecDeque<Bytes>,
    /// The number of the first of them.
    first: u64,
}

impl Payloads {
    /// Has a payload wait, and writes its number.
    pub(super) fn put(&self, payload: Bytes, out: &mut Vec<u8>) {
        let mut waiting = self.lock();
        let number = waiting.first + waiting.payloads.len() as u64;
        waiting.payloads.push_back(payload);
        let written = write!(out, "{number}");
        written.expect("memory takes everything");
    }

    /// Takes the payload of this number; nothing where another one is next.
    pub(in crate::sources) fn take(&self, number: &str) -> Option<Bytes> {
        let mut waiting = self.lock();
        if number.parse() != Ok(waiting.first) {
            return None;
        }
        let payload = waiting.payloads.pop_front()?;
        waiting.first += 1;
        Some(payload)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_comes_to_its_own_event_or_to_none() {
        let payloads = Payloads::default();
        let put = |text: &'static str| {
            let mut number = Vec::new();
            payloads.put(Bytes::from_static(text.as_bytes()), &mut number);
            String::from_utf8(number).expect("digits")
        };
        let [first, second, third] = ["a", "b", "c"].map(put);
        let reader = payloads.clone();
        assert_eq!(reader.take(&second), None, "it is not its turn");
        assert_eq!(reader.take(""), None);
        assert_eq!(reader.take(&first).as_deref(), Some(b"a".as_slice()));
        assert_eq!(reader.take(&first), None, "it has been taken");
        assert_eq!(reader.take(&second).as_deref(), Some(b"b".as_slice()));
        let fourth = put("d");
        assert_eq!(reader.take(&third).as_deref(), Some(b"c".as_slice()));
        assert_eq!(reader.take(&fourth).as_deref(), Some(b"d".as_slice()));
        assert_eq!(reader.take("4"), None, "nothing waits");
    }
}
