//! One object as an answer: bare or wrapped, and with a tag once it is finished.
//!
//! Its own file because here it is decided what a client may keep: only what can change no more has a
//! tag, and a tag stands for the bytes of the body.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

/// One object that was found.
pub(super) struct Single {
    pub(super) object: Value,
    /// Whether it can change no more.
    pub(super) finished: bool,
}

impl Single {
    /// The answer to a request with these headers.
    pub(super) fn answer(self, wrapped: bool, asked: &HeaderMap) -> Response {
        let body = if wrapped {
            json!({ "data": self.object }).to_string()
        } else {
            self.object.to_string()
        };
        if !self.finished {
            return answer(body, "no-cache");
        }
        let tag = tag(&body);
        let mut response = if is_known(asked, &tag) {
            let mut unchanged = answer(String::new(), "max-age=300");
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged.headers_mut().remove(CONTENT_TYPE);
            unchanged
        } else {
            answer(body, "max-age=300")
        };
        let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes");
        response.headers_mut().insert(ETAG, tag);
        response
    }
}

fn answer(body: String, cache: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn tag(body: &str) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether a client has the object with this tag already. A weak tag is never strong enough.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let lines = asked.get_all(IF_NONE_MATCH).into_iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let mut given = texts.flat_map(|text| text.split(',')).map(str::trim);
    given.any(|given| given == "*" || given == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strong_tag_in_any_place_is_known() {
        let check = |lines: &[&str], expected: bool| {
            let mut asked = HeaderMap::new();
            for line in lines {
                let line = HeaderValue::from_str(line).expect("a header");
                asked.append(IF_NONE_MATCH, line);
            }
            assert_eq!(is_known(&asked, "\"ab\""), expected, "{lines:?}");
        };
        check(&["\"ab\""], true);
        check(&["\"x\" , \"ab\""], true);
        check(&["\"x\"", "\"ab\""], true);
        check(&["*"], true);
        check(&["W/\"ab\""], false);
        check(&["ab"], false);
        check(&["\"AB\""], false);
        check(&[], false);
    }
}
