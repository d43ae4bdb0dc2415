//! From what is given to what it is: whose decoder reads it, and what that makes of it.
//!
//! A file of its own because events come here in two forms, alone in a line or in the form of their
//! stream, and from then on are the same.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{Explainer, Origin, Told};
use crate::model::{Event, INTERNAL_SOURCE, Name};
use crate::rules::Rules;
use crate::sinks::wording;
use crate::sources::{
    self, Control, EVENT_BYTES_MAX, End, Frame, Input, Recorded, Recording, Source, What,
};

/// Types of TTMT's that are no events.
const CONTROLS: [&str; 2] = ["recycle", "auth_revoked"];

/// What sources call an event that has no type.
const NO_TYPES: [&str; 2] = ["message", "unknown"];

/// Reads with the decoders of these sources.
#[derive(Clone, Copy)]
pub(in crate::app) struct Reader<'a> {
    /// The sources.
    pub(in crate::app) sources: &'a [Source],
    /// The rules, which tell whose words are listened to.
    pub(in crate::app) rules: &'a Rules,
}

/// What has been read.
enum Read {
    Event(Origin, Event),
    Control(Origin, &'static str),
}

impl Explainer {
    fn reader(&self) -> Reader<'_> {
        Reader {
            sources: &self.sources,
            rules: &self.rules,
        }
    }

    /// The source of this name, if there is one.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<Name> {
        let mut names = self.sources.iter().map(|source| &source.name);
        match name {
            INTERNAL_SOURCE => Some(internal()),
            _ => names.find(|known| known.as_str() == name).cloned(),
        }
    }

    /// Every source that can be named.
    #[must_use]
    pub fn sources(&self) -> Vec<Name> {
        let names = self.sources.iter().map(|source| source.name.clone());
        names.chain([internal()]).collect()
    }

    /// Explains what a source would make of a JSON document that came with this type around it; without
    /// a source, one is assumed.
    ///
    /// # Errors
    /// What is wrong with it, in words that go behind "this".
    pub fn document(
        &self,
        payload: Bytes,
        kind: Option<&str>,
        source: Option<&Name>,
    ) -> Result<Told, String> {
        let head = head(&payload)?;
        let frame = Frame::bare(kind, payload, self.clock.now());
        self.frame(&frame, head, source)
    }

    /// Begins to read a stream that was saved, within the limits of its source.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub async fn recording(&self, input: Input, source: Option<&Name>) -> Result<Recording, End> {
        let source = self.reader().limited_by(source);
        let most = source.map_or(EVENT_BYTES_MAX, |source| source.connector.event_bytes_max());
        Recording::open(input, most, self.clock.clone()).await
    }

    /// Explains what stands in a recording.
    ///
    /// # Errors
    /// What is wrong with it, in words that go behind "this".
    pub fn recorded(&self, recorded: &Recorded, source: Option<&Name>) -> Result<Told, String> {
        match recorded {
            // Not every source sends JSON.
            Recorded::Frame(frame) => {
                self.frame(frame, head(&frame.payload).unwrap_or_default(), source)
            }
            Recorded::Skipped { bytes } => {
                let limited = self.reader().limited_by(source).map(|source| &source.name);
                Err(too_large(*bytes, limited))
            }
        }
    }

    fn frame(&self, frame: &Frame, head: Head, source: Option<&Name>) -> Result<Told, String> {
        Ok(match self.reader().read(frame, head, source)? {
            Read::Event(from, event) => {
                Told::Event(Box::new(self.routed(from, event, frame.received)))
            }
            Read::Control(from, kind) => Told::Control { from, kind },
        })
    }
}

impl<'a> Reader<'a> {
    /// What a source would make of a JSON document; its `type` stands for the one that a stream says
    /// around it, where that is the source's way.
    ///
    /// # Errors
    /// What is wrong with it, in words that go behind "this".
    pub(in crate::app) fn event(
        self,
        payload: Bytes,
        source: Option<&Name>,
        now: Timestamp,
    ) -> Result<Event, String> {
        let head = head(&payload)?;
        let kind = head.kind.as_deref();
        let source = match source {
            Some(source) => source.clone(),
            None => {
                let frame = Frame::bare(None, payload.clone(), now);
                self.assumed(&frame, kind.unwrap_or(&frame.kind))?
            }
        };
        let frame = Frame::bare(kind, payload, now);
        match self.read(&frame, head, Some(&source))? {
            Read::Event(_, event) => Ok(event),
            Read::Control(..) => {
                Err("is a word about the connection, which no rule ever sees".to_owned())
            }
        }
    }

    fn read(self, frame: &Frame, head: Head, source: Option<&Name>) -> Result<Read, String> {
        let is_assumed = source.is_none();
        let source = match source {
            Some(source) => source.clone(),
            None => self.assumed(frame, head.kind.as_deref().unwrap_or(&frame.kind))?,
        };
        let found = self.known(&source);
        let what = match found {
            Some(found) => found.connector.read(frame),
            None => sources::read_internal(frame),
        };
        let from = Origin { source, is_assumed };
        let mut event = match what {
            What::Event(event) => event,
            What::Control(control) => {
                let kind = match control {
                    Control::Recycle { .. } => "recycle",
                    Control::AuthRevoked { .. } => "auth_revoked",
                };
                return Ok(Read::Control(from, kind));
            }
            What::Skipped { bytes, .. } => return Err(too_large(bytes, Some(&from.source))),
            What::Undecodable { reason } => {
                return Err(format!(
                    "cannot be read by source `{}`: {reason}",
                    from.source
                ));
            }
            _ => return Err("is no event".to_owned()),
        };
        // What was found over REST says so in its payload, which is how receivers keep it.
        if found.is_some_and(|found| found.rest.is_some()) && head.backfilled == Some(true) {
            event.backfilled = true;
            event.about = head
                .partial
                .map(|partial| Bytes::from(serde_json::json!({ "partial": partial }).to_string()));
        }
        Ok(Read::Event(from, event))
    }

    fn known(self, name: &Name) -> Option<&'a Source> {
        self.sources.iter().find(|source| source.name == *name)
    }

    /// Whose limit holds for a recording.
    fn limited_by(self, source: Option<&Name>) -> Option<&'a Source> {
        match source {
            Some(name) => self.known(name),
            None => self.heard().first().copied(),
        }
    }

    /// The source that an event comes from when nobody says it: the first in whose words it has a type of
    /// its own, TTMT's before others for a type that TTMT documents; else the first.
    fn assumed(self, frame: &Frame, kind: &str) -> Result<Name, String> {
        let own = format!("{INTERNAL_SOURCE}.");
        if kind.starts_with(&own) {
            return Ok(internal());
        }
        let heard = self.heard();
        let is_documented = CONTROLS.contains(&kind) || wording::types().any(|it| it == kind);
        let (nearer, others): (Vec<&Source>, Vec<&Source>) = heard
            .iter()
            .partition(|source| is_documented && source.rest.is_some());
        let knows = |source: &&Source| match source.connector.read(frame) {
            What::Event(event) => !NO_TYPES.contains(&&*event.kind),
            What::Control(_) => true,
            _ => false,
        };
        let known = nearer.into_iter().chain(others).find(knows);
        let source = known.or(heard.first().copied());
        let source = source.map(|source| source.name.clone());
        source.ok_or_else(|| "comes from no source: none is configured".to_owned())
    }

    /// The sources that a rule listens to, or all where none is listened to.
    fn heard(self) -> Vec<&'a Source> {
        let is_heard = |source: &&Source| {
            let rules = self.rules.all().iter();
            let mut heard = rules.map(|rule| rule.from.as_ref());
            heard.any(|from| from.is_none_or(|from| from.contains(&source.name)))
        };
        let heard: Vec<&Source> = self.sources.iter().filter(is_heard).collect();
        match heard.is_empty() {
            true => self.sources.iter().collect(),
            false => heard,
        }
    }
}

fn too_large(bytes: u64, source: Option<&Name>) -> String {
    match source {
        Some(source) => {
            format!("is skipped: {bytes} bytes are more than `max_event_size` of source `{source}`")
        }
        None => format!("is skipped: {bytes} bytes are more than any source takes"),
    }
}

fn internal() -> Name {
    Name::new(INTERNAL_SOURCE).expect("a constant that is a name")
}

/// What is looked at before a source reads a payload.
#[derive(Debug, Default, serde::Deserialize)]
struct Head {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    backfilled: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    partial: Option<Vec<String>>,
}

/// A member of the type that is wanted, or none.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let raw: &RawValue = serde::Deserialize::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Reads the head of a payload, which has to be one JSON document; one that is no object has none.
fn head(payload: &[u8]) -> Result<Head, String> {
    let document: &RawValue = serde_json::from_slice(payload).map_err(|error| {
        // A payload is one line, so only the column says something.
        let text = error
            .to_string()
            .replace(" at line 1 column ", " at column ");
        format!("is no JSON: {text}")
    })?;
    Ok(serde_json::from_str(document.get()).unwrap_or_default())
}
