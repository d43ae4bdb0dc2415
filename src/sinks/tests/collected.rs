//! A message that tells several events and why it comes here, at every kind of sink.

use jiff::tz::TimeZone;

use super::*;

#[test]
fn the_bodies_that_tell_several_events_are_as_reviewed() {
    let events = ["215", "216", "217"].map(samples::recorded_with_id);
    let event = collected(&events, Collected::Coalesced).expect("three events");
    let wording = Wording::of_all(&events, Collected::Coalesced, &TimeZone::UTC)
        .standing_in(Some("team has given it up: 404 Not Found"));
    let mut page = String::new();
    for sink in samples::every_sink() {
        let id = samples::id();
        let body = samples::body(&sink, &message(&id, &event, &wording));
        let body = std::str::from_utf8(&body).expect("UTF-8");
        let _ = writeln!(page, "{}\n{body}\n", sink.kind);
    }
    insta::assert_snapshot!("bodies_collected", page);
}
