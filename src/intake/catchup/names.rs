//! Finding out what an event is about that names it by an id alone.
//!
//! A file of its own because somebody waits for it: the event, and all behind it. So it is asked for
//! seldom and not for long, and an alert without names goes out rather than none.

use std::time::Duration;

use super::super::desk::Desk;
use super::read::Reader;
use crate::model::Event;
use crate::sources::picture::LookUp;

/// Longest wait for the names of what an event is about.
const NAMES_WAIT: Duration = Duration::from_secs(5);

/// Finds the names of what an event is about, if it has none and REST has.
pub(in super::super) async fn name(desk: &Desk<'_>, event: &Event) {
    let Some(rest) = &desk.parts.backfill else {
        return;
    };
    let Some(wanted) = wanted(desk, event) else {
        return;
    };
    if !desk.names().permit(&wanted) {
        desk.names().note_unknown(&wanted.position);
        return;
    }
    let looking = Reader::new(desk, &rest.urgent);
    let found = tokio::time::timeout(NAMES_WAIT, looking.look_up(&wanted)).await;
    if found.is_err() {
        tracing::warn!(source = %desk.parts.name, "nobody could be asked in time what an event is about");
    }
    let look_up = desk.picture().and_then(|picture| picture.look_up(event));
    if look_up.is_some() {
        desk.names().note_unknown(&wanted.position);
    }
}

/// Whether REST should be asked what an event is about before it is taken in.
pub(in super::super) fn is_nameless(desk: &Desk<'_>, event: &Event) -> bool {
    desk.parts.backfill.is_some() && wanted(desk, event).is_some()
}

fn wanted(desk: &Desk<'_>, event: &Event) -> Option<LookUp> {
    let wanted = desk.picture()?.look_up(event)?;
    let is_unknown = desk.names().is_unknown(&wanted.position);
    (!is_unknown).then_some(wanted)
}
