//! Where text is cut, for every kind that cuts any: between characters as people see them, with a sign
//! that something is missing, and never in the kinds that pass everything on.

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;

use super::super::cut::{Unit, cut};
use super::*;

/// Every text in a body, but for the keys that hold none of the event's.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// What a text can have been made of.
fn sources(wording: &Wording) -> Vec<String> {
    let fields = wording.fields.iter();
    let parts = fields.flat_map(|field| {
        let both = format!("{}\n{}", field.label, field.value);
        [field.label.clone(), field.value.clone(), both]
    });
    // Telegram's title is cut by itself, and stands in its text.
    let title = cut(&wording.title, 256, Unit::Utf16);
    let mut sources = vec![
        wording.title.clone(),
        wording.message.clone(),
        wording.details(),
        wording.whole(),
        format!("{title}\n{}", wording.details()),
    ];
    sources.extend(wording.note.clone());
    sources.extend(parts);
    sources
}

/// A text as it was before the platform's escapes, whichever of them it has.
fn unescaped(text: &str) -> [String; 3] {
    let mut bare = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => bare.extend(characters.next()),
            other => bare.push(other),
        }
    }
    let entities = text.replace("&lt;", "<").replace("&gt;", ">");
    [text.to_owned(), bare, entities.replace("&amp;", "&")]
}

fn is_boundary(source: &str, at: usize) -> bool {
    at == source.len() || source.grapheme_indices(true).any(|(start, _)| start == at)
}

#[test]
fn every_cut_is_between_characters_as_people_see_them() {
    let id = samples::id();
    let mut cuts = std::collections::BTreeMap::<&str, usize>::new();
    for sink in ["discord", "slack", "ntfy", "telegram"].map(|kind| sink(kind, &minimal(kind))) {
        for (event, wording) in samples::hostile() {
            let sources = sources(&wording);
            for plain in [false, true] {
                let message = Message {
                    plain,
                    ..message(&id, &event, &wording)
                };
                let body = samples::sent(&sink, &message);
                for text in texts(&body) {
                    let Some(start) = text.strip_suffix('…') else {
                        continue;
                    };
                    if sources
                        .iter()
                        .any(|source| unescaped(text).contains(source))
                    {
                        continue;
                    }
                    let whole = unescaped(start).iter().any(|start| {
                        let from = sources.iter().filter(|source| source.starts_with(&**start));
                        from.into_iter()
                            .any(|source| is_boundary(source, start.len()))
                    });
                    let end: String = start.chars().rev().take(40).collect();
                    assert!(
                        whole,
                        "{}: a cut inside a character, before {end:?} backwards",
                        sink.kind
                    );
                    *cuts.entry(sink.kind).or_default() += 1;
                }
            }
        }
    }
    for kind in ["discord", "slack", "ntfy", "telegram"] {
        assert!(
            cuts.get(kind).is_some_and(|count| *count > 20),
            "{kind}: {cuts:?}"
        );
    }
}

#[test]
fn kinds_without_limits_pass_everything_on() {
    let id = samples::id();
    for (event, wording) in samples::hostile() {
        for sink in ["mqtt", "exec"].map(|kind| sink(kind, &minimal(kind))) {
            let body = samples::sent(&sink, &message(&id, &event, &wording));
            assert_eq!(body["title"], wording.title, "{}", sink.kind);
            assert_eq!(body["message"], wording.details(), "{}", sink.kind);
            assert_eq!(
                body["data"],
                event.data_json().expect("data"),
                "{}",
                sink.kind
            );
        }
        let webhook = sink("webhook", &minimal("webhook"));
        let body = samples::body(&webhook, &message(&id, &event, &wording));
        assert_eq!(body, event.payload);
    }
}
