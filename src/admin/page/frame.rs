//! What every page has around it, and the two ways to answer a browser: a page, or another address.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::super::{Parts, Refusal};

/// How often a page is loaded anew where no script does it, in seconds.
const REFRESH_SECONDS: u32 = 30;

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
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, headers, document.into_string()).into_response()
}

/// Has a browser look at another page of ours, whatever it has just sent.
pub(in crate::admin) fn to(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// Why a page cannot be shown, for people.
#[derive(Debug)]
pub(super) struct Sorry(Refusal);

impl<T: Into<Refusal>> From<T> for Sorry {
    fn from(refusal: T) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        let Self(Refusal(status, detail)) = self;
        let main = html! {
            h1 { (status.canonical_reason().unwrap_or("Error")) }
            p { (detail) }
            p { a href="/" { "To the status page" } }
        };
        page(status, document("error", false, None, &main))
    }
}
