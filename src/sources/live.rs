//! What a running instance tells of the events that arrive there, read by what reads an upstream.
//!
//! A file of its own because it is no source: what comes is shown and never stored.

use bytes::Bytes;
use http::header;
use url::Url;

use super::body::Patience;
use super::filter::{Payloads, Tag};
use super::frames::{Frames, Heard};
use super::gate::Pass;
use super::{EVENT_BYTES_MAX, End};
use crate::clock::Clock;
use crate::model::Secret;
use crate::transport::{StreamLimits, StreamTransport};

/// Longest silence: the other side gives a sign of life three times as often.
const SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(45);

/// The open stream of an instance. Dropping it closes the socket.
pub struct Live {
    frames: Frames,
    at: Option<String>,
}

impl Live {
    /// Asks an instance for its stream, from behind an event if its id is given.
    ///
    /// # Errors
    /// How it came that there is none.
    pub async fn open(
        address: &Url,
        token: Option<&Secret>,
        after: Option<String>,
    ) -> Result<Self, End> {
        let transport = StreamTransport::new(address, None, StreamLimits::default());
        let transport = transport.map_err(|error| End::Library(error.to_string()))?;
        let bearer = token.map(|token| Secret::new(format!("Bearer {}", token.expose())));
        let pass = Pass {
            headers: bearer
                .map(|bearer| (header::AUTHORIZATION, bearer))
                .into_iter()
                .collect(),
            secrets: Vec::new(),
            tag: Tag::random(),
            payloads: Payloads::default(),
            event_bytes_max: EVENT_BYTES_MAX,
            patience: Patience {
                idle: Some(SILENCE_MAX),
                age: None,
            },
            is_recorded: false,
            clock: Clock::system(),
        };
        let frames = Frames::open(transport, pass, address.as_str(), after.clone()).await?;
        Ok(Self { frames, at: after })
    }

    /// The next event, as the instance tells it.
    ///
    /// # Errors
    /// How the stream ended.
    pub async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            match self.frames.next().await? {
                Heard::Frame(frame) => {
                    self.at = frame.own_id.or(self.at.take());
                    return Ok(frame.payload);
                }
                Heard::Moved(id) => self.at = Some(id),
                Heard::Skipped { id, .. } => self.at = id.or(self.at.take()),
                Heard::Retry(_) | Heard::Alive => {}
            }
        }
    }

    /// The id from behind which the next stream goes on.
    #[must_use]
    pub fn at(self) -> Option<String> {
        self.at
    }
}
