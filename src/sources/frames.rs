//! The frames of a stream, one after the other, and what else is heard between them.
//!
//! A file of its own because it is where the stream library is used, once for each stream and with its
//! own reconnecting off: it would move its resume point before our commit. A connection and a recording
//! are both read here. It does not look into a payload.

use eventsource_client::{BoxStream, Client, ClientBuilder, Error, ReconnectOptions, SSE};
use futures_util::StreamExt;
use launchdarkly_sdk_transport::HttpTransport;

use super::End;
use super::body::end_of;
use super::budget::{self, REMAINING};
use super::decode::Frame;
use super::filter::{Note, OwnId, Payloads, Tag};
use super::gate::{Gate, Pass};
use crate::clock::Clock;

/// One thing that is heard.
pub(super) enum Heard {
    /// A complete event.
    Frame(Frame),
    /// A block without data has moved the last event id.
    Moved(String),
    /// The server asks for this reconnection time, in milliseconds.
    Retry(u64),
    /// An event over the size limit was read away.
    Skipped {
        /// Its size.
        bytes: u64,
        /// Its id, if it had one.
        id: Option<String>,
    },
    /// A comment of the server's.
    Alive,
}

/// An open stream. Dropping it closes what it is read from.
pub(super) struct Frames {
    stream: BoxStream<Result<SSE, Error>>,
    tag: Tag,
    payloads: Payloads,
    clock: Clock,
    /// What is left of the key's minute, as the response head told.
    requests_left: Option<u32>,
    /// The line of a recording in which the block of what was heard last begins.
    line: u64,
}

impl Frames {
    /// Asks for a stream, from behind an event if its id is given.
    pub(super) async fn open<T: HttpTransport>(
        transport: T,
        pass: Pass,
        address: &str,
        last_event_id: Option<String>,
    ) -> Result<Self, End> {
        let (tag, payloads, clock) = (pass.tag, pass.payloads.clone(), pass.clock.clone());
        let gate = Gate::new(transport, pass);
        let client = client(gate, address, last_event_id).map_err(end_of_library)?;
        let mut stream = client.stream();
        match stream.next().await {
            Some(Ok(SSE::Connected(details))) => Ok(Self {
                requests_left: details
                    .response()
                    .get_header_value(REMAINING)
                    .ok()
                    .flatten()
                    .and_then(budget::number),
                stream,
                tag,
                payloads,
                clock,
                line: 0,
            }),
            Some(Err(error)) => Err(end_of_library(error)),
            Some(Ok(_)) | None => Err(End::Library("no answer came through".to_owned())),
        }
    }

    pub(super) const fn requests_left(&self) -> Option<u32> {
        self.requests_left
    }

    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Waits at one place only, where nothing is half done, so dropping this future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Heard, End> {
        loop {
            match self.stream.next().await {
                Some(Ok(SSE::Event(event))) => return self.frame(event).map(Heard::Frame),
                Some(Ok(SSE::Comment(text))) => match Note::read(&text, self.tag) {
                    None => return Ok(Heard::Alive),
                    Some(Note::Line(line)) => self.line = line,
                    Some(Note::Id(id)) => return Ok(Heard::Moved(id)),
                    Some(Note::Retry(wait)) => return Ok(Heard::Retry(wait)),
                    Some(Note::Skipped { bytes, id }) => return Ok(Heard::Skipped { bytes, id }),
                },
                Some(Ok(SSE::Connected(_))) => {}
                Some(Err(error)) => return Err(end_of_library(error)),
                None => return Err(End::Library("the stream ended unexplained".to_owned())),
            }
        }
    }

    fn frame(&self, event: eventsource_client::Event) -> Result<Frame, End> {
        let payload = self.payloads.take(&event.data);
        Ok(Frame {
            kind: event.event_type,
            own_id: event.id.and_then(OwnId::read),
            payload: payload.ok_or_else(|| End::Library("it mixed up events".to_owned()))?,
            received: self.clock.now(),
        })
    }
}

fn client<T: HttpTransport>(
    gate: Gate<T>,
    address: &str,
    last_event_id: Option<String>,
) -> Result<impl Client + use<T>, Error> {
    let never = ReconnectOptions::reconnect(false).retry_initial(false);
    let mut builder = ClientBuilder::for_url(address)?
        .header("Accept-Encoding", "identity")?
        .redirect_limit(0)
        .reconnect(never.build());
    if let Some(id) = last_event_id {
        builder = builder.last_event_id(id);
    }
    Ok(builder.build_with_transport(gate))
}

/// The end that an error of the library stands for. Its own words may hold payload.
fn end_of_library(error: Error) -> End {
    match error {
        Error::Transport(error) => end_of(&error),
        Error::InvalidLine(_) => End::Library("it refused a line".to_owned()),
        Error::InvalidEvent => End::Library("it refused an event".to_owned()),
        Error::InvalidParameter(_) => End::Library("it refused the request".to_owned()),
        _ => End::Library("it ended the stream itself".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_t6_what_the_library_refuses_is_told_without_what_it_was() {
        for (error, told) in [
            (
                Error::InvalidLine("data: s3cret".to_owned()),
                "it refused a line",
            ),
            (Error::InvalidEvent, "it refused an event"),
            (
                Error::InvalidParameter("s3cret".into()),
                "it refused the request",
            ),
            (Error::Eof, "it ended the stream itself"),
        ] {
            assert_eq!(end_of_library(error), End::Library(told.to_owned()));
        }
    }
}
