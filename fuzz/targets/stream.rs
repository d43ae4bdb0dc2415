//! A stream, in pieces of any size, against a plain transcription of the standard: the same events, however it is
//! cut. An event that the end of the body cuts off is told of a recording alone.
#![no_main]

use std::io::{Cursor, Read, Result};

use bellwire::clock::Clock;
use bellwire::sources::{Recorded, Recording};
use libfuzzer_sys::fuzz_target;

#[path = "../../src/sources/filter/reference.rs"]
#[allow(dead_code, reason = "the last id and the wait are of connections")]
mod reference;

/// More than the fuzzer makes.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Hands out pieces of these sizes, over and over.
struct Pieces {
    body: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    next: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let size = self.sizes.get(self.next % self.sizes.len().max(1));
        self.next += 1;
        let most = into.len().min(size.copied().unwrap_or(usize::MAX));
        self.body.read(&mut into[..most])
    }
}

/// `type|data` of each event.
fn recorded(body: &[u8], sizes: Vec<usize>) -> Vec<String> {
    let input = Pieces {
        body: Cursor::new(body.to_vec()),
        sizes,
        next: 0,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let opened = Recording::open(Box::new(input), EVENT_BYTES_MAX, Clock::system()).await;
        let mut recording = opened.expect("opens");
        let mut told = Vec::new();
        while let Ok((_, recorded)) = recording.next().await {
            match recorded {
                Recorded::Frame(frame) => {
                    let data = String::from_utf8_lossy(&frame.payload);
                    told.push(format!("{}|{data}", frame.kind));
                }
                Recorded::Skipped { bytes } => panic!("{bytes} bytes are not too many"),
            }
        }
        told
    })
}

fuzz_target!(|input: &[u8]| {
    let Some((sizes, body)) = input.split_at_checked(4) else {
        return;
    };
    let sizes = sizes.iter().map(|size| usize::from(*size) + 1).collect();
    let expected = reference::interpret(body).events;
    let (whole, cut) = (recorded(body, Vec::new()), recorded(body, sizes));
    assert_eq!(whole, cut, "the same events, however it is cut");
    let more = whole.len().checked_sub(expected.len());
    assert!(
        more.is_some_and(|more| more <= 1),
        "{whole:?}, and must be {expected:?}"
    );
    for (told, expected) in whole.iter().zip(&expected) {
        // Behind it stands the last id, which a recording does not tell.
        let is_it = expected
            .strip_prefix(told)
            .is_some_and(|id| id.starts_with('|'));
        assert!(is_it, "{told:?}, and must be {expected:?}");
    }
});
