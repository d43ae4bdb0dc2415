//! The two shapes of a good answer: a list with or without paging, and a single object.
//!
//! A file of its own because it is pure, and because both shapes are read more widely than the
//! documentation draws them. What stands in a row is not looked at.

use serde_json::Value;

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its rows, as upstream wrote them.
    pub rows: Vec<Value>,
    /// Whether another page follows.
    pub has_more: bool,
    /// What leads to that page.
    pub next_cursor: Option<PageCursor>,
}

/// The place behind a page, in upstream's own terms. It can only be taken from a page and sent back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageCursor(String);

impl PageCursor {
    /// Its bytes, for the one place where they are sent.
    pub(super) fn sent(&self) -> String {
        self.0.clone()
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Page {
    /// Reads a list in `data` or bare; `None` if the document is no list. An empty cursor leads
    /// nowhere, so it is none.
    #[must_use]
    pub fn read(document: Value) -> Option<Self> {
        match document {
            Value::Array(rows) => Some(Self {
                rows,
                ..Self::default()
            }),
            Value::Object(mut object) => {
                let Some(Value::Array(rows)) = object.remove("data") else {
                    return None;
                };
                let next_cursor = match object.remove("next_cursor") {
                    Some(Value::String(text)) if !text.is_empty() => Some(PageCursor(text)),
                    _ => None,
                };
                Some(Self {
                    rows,
                    has_more: object.get("has_more").and_then(Value::as_bool) == Some(true),
                    next_cursor,
                })
            }
            _ => None,
        }
    }
}

/// A single object, in `data` or bare.
pub(super) fn object(document: Value) -> Option<Value> {
    let Value::Object(mut object) = document else {
        return None;
    };
    match object.get_mut("data") {
        Some(inside @ Value::Object(_)) => Some(inside.take()),
        _ => Some(Value::Object(object)),
    }
}
