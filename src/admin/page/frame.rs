//! What every page has around it, and the two ways to answer a browser: a page, or another address.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::super::access::{Door, wants_a_page};
use super::super::{Parts, Refusal};

/// How often a page is loaded anew where no script does it, in seconds.
const REFRESH_SECONDS: u32 = 30;

const HTML: &str = "text/html; charset=utf-8";

/// The pages that are one click away, with their names.
const PAGES: [(&str, &str); 4] = [
    ("/", "Status"),
    ("/events", "Events"),
    ("/dead-letters", "Dead letters"),
    ("/replay", "Replay"),
];

/// What a page is, beside what it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// Its name, in front of which ours is put.
    pub(super) title: &'a str,
    /// Where it is, by the list above.
    pub(super) path: &'a str,
    /// Whether it follows what happens. One with something to fill in does not.
    pub(super) live: bool,
}

impl Frame<'_> {
    /// Puts a page around what it shows.
    pub(super) fn around(self, parts: &Parts, main: &Markup) -> Markup {
        let header = html! {
            header {
                nav aria-label="Pages" { ul { @for (path, name) in PAGES {
                    li { a href=(path) aria-current=[(path == self.path).then_some("page")] { (name) } }
                } } }
                @if parts.token.is_some() {
                    form method="post" action="/logout" { button.plain type="submit" { "Log out" } }
                }
            }
        };
        document(self.title, self.live, Some(&header), main)
    }
}

/// A whole document, with our name in front of its title.
pub(in crate::admin) fn document(
    title: &str,
    live: bool,
    header: Option<&Markup>,
    main: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "bellwire: " (title) }
                link rel="stylesheet" href="/style.css";
                @if live {
                    noscript { meta http-equiv="refresh" content=(REFRESH_SECONDS); }
                    script src="/page.js" defer {}
                }
            }
            body {
                @if let Some(header) = header {
                    a.skip href="#main" { "To the content" }
                    (header)
                }
                main #main tabindex="-1" { (main) }
                @if live { p #connection role="status" {} }
            }
        }
    }
}

/// A page.
pub(in crate::admin) fn page(status: StatusCode, document: Markup) -> Response {
    let headers = [(header::CONTENT_TYPE, HTML)];
    (status, headers, visible(document.into_string())).into_response()
}

/// Shows what could not be seen. None of it is ours, so it needs no markup to be told from what is.
fn visible(document: String) -> String {
    if !document.contains(is_unseen) {
        return document;
    }
    let mut shown = String::with_capacity(document.len() + document.len() / 8);
    for character in document.chars() {
        let code = u32::from(character);
        match character {
            _ if !is_unseen(character) => shown.push(character),
            // Each of the oldest has a picture.
            '\0'..' ' => shown.extend(char::from_u32(0x2400 + code)),
            '\u{7f}' => shown.push('\u{2421}'),
            _ => write!(shown, "\\u{code:04x}").expect("a string takes all text"),
        }
    }
    shown
}

/// Whether a character shows nothing by itself, and may change how others look: terminals, editors and
/// browsers obey some of them, and a text that turns its direction does not read as it is.
fn is_unseen(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// Has a browser look at another page of ours, whatever it has just sent.
pub(in crate::admin) fn to(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// Tells a browser as a page what programs are told as a problem document.
pub(in crate::admin) async fn explain_refusals(
    State(door): State<Arc<Door>>,
    request: Request,
    next: Next,
) -> Response {
    let for_people = wants_a_page(&request);
    let may_look = door.may_look(request.headers());
    // What is wrong with a list stands behind the question mark.
    let has_query = request.method().is_safe() && request.uri().query().is_some();
    let start = has_query.then(|| request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let Some(Refusal(status, detail)) = response.extensions_mut().remove() else {
        return response;
    };
    if !for_people {
        return response;
    }
    let start = start.filter(|_| status == StatusCode::BAD_REQUEST);
    let main = html! {
        h1 { (status.canonical_reason().unwrap_or("Error")) }
        p { (detail) }
        @if let Some(start) = start { p { a href=(start) { "To the first page" } } }
        p { a href="/" { "To the status page" } }
    };
    let frame = Frame {
        title: "error",
        path: "",
        live: false,
    };
    let document = match may_look {
        true => frame.around(door.parts(), &main),
        false => document(frame.title, false, None, &main),
    };
    // Its other headers say what holds for both: which methods there are, and how long to wait.
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    *response.body_mut() = Body::from(visible(document.into_string()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_shows_nothing_is_shown() {
        let shown = |character: char| visible(format!("a{character}b"));
        for code in (0..0x20).chain(0x7f..0xa0) {
            let character = char::from_u32(code).expect("a character");
            let expected = match code {
                0x09 | 0x0a => character.to_string(),
                0x7f => "␡".to_owned(),
                0x80.. => format!("\\u00{code:x}"),
                _ => char::from_u32(0x2400 + code)
                    .expect("its picture")
                    .to_string(),
            };
            assert_eq!(shown(character), format!("a{expected}b"), "{code:x}");
        }
        assert_eq!(
            (shown('\0'), shown('\u{1b}')),
            ("a␀b".to_owned(), "a␛b".to_owned())
        );
        for (turn, expected) in [
            ('\u{202a}', "a\\u202ab"),
            ('\u{202e}', "a\\u202eb"),
            ('\u{2066}', "a\\u2066b"),
            ('\u{2069}', "a\\u2069b"),
        ] {
            assert_eq!(shown(turn), expected);
        }
        for other in [
            ' ', '~', '\u{a0}', 'é', 'ש', '\u{2029}', '\u{202f}', '\u{2065}', '😀',
        ] {
            assert_eq!(shown(other), format!("a{other}b"));
        }
    }
}
