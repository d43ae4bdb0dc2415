//! Buttons below a message: a link that is opened, or a request that the phone makes.
//!
//! A file of its own because they have options, limits and secrets of their own. They are the
//! configuration's alone: nothing of an event stands in them.

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};
use url::Url;

use super::super::address::sensitive;
use super::is_harmless;
use crate::config::{Table, form};
use crate::model::Secret;

/// ntfy's own limit.
pub(super) const ACTIONS_MAX: usize = 3;

/// All of them as JSON. It leaves room for the message with every other field at its maximum.
const JSON_BYTES_MAX: usize = 1536;

const LABEL_BYTES_MAX: usize = 64;
const HEADERS_MAX: usize = 8;

const URL_HELP: &str = "such as `https://example.org/`";

/// What happens when one is tapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tap {
    View,
    Http,
}

/// A button, as the schema of the configuration shows it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields, extend("if" = is_request(), "else" = without_request()))]
pub(super) struct Form {
    /// `view` opens a link, `http` has the phone make a request. Default: `view`.
    #[schemars(extend("default" = "view"))]
    action: Option<Word>,
    /// What stands on the button.
    #[schemars(regex(pattern = r"\S"))]
    label: String,
    /// What is opened or requested.
    url: form::Secret,
    /// Whether the message goes once the button was used. Default: false.
    #[schemars(extend("default" = false))]
    clear: Option<bool>,
    /// The method of a request. Default: `POST`.
    #[schemars(extend("default" = "POST"))]
    method: Option<Method>,
    /// Headers of a request, up to eight.
    #[schemars(extend("maxProperties" = HEADERS_MAX))]
    headers: Option<form::Headers>,
    /// The body of a request.
    body: Option<form::Secret>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(rename_all = "lowercase")]
enum Word {
    View,
    Http,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(rename_all = "UPPERCASE")]
enum Method {
    Post,
    Get,
    Put,
    Patch,
    Delete,
}

fn is_request() -> Value {
    json!({ "required": ["action"], "properties": { "action": { "const": "http" } } })
}

fn without_request() -> Value {
    json!({ "properties": { "method": false, "headers": false, "body": false } })
}

/// Reads `actions`: the JSON of all of them, which may hold a receiver's credentials.
pub(super) fn read(options: &mut Table) -> Option<Secret> {
    if !options.has("actions") {
        return None;
    }
    let tables = options.tables("actions");
    if tables.len() > ACTIONS_MAX {
        let message = format!("{} actions are too many", tables.len());
        options.wrong(
            "actions",
            message,
            format!("ntfy shows {ACTIONS_MAX} at most"),
        );
    }
    let actions: Vec<Value> = tables.into_iter().filter_map(read_one).collect();
    let text = json!(actions).to_string();
    if text.len() > JSON_BYTES_MAX {
        options.wrong(
            "actions",
            format!("these actions take {} bytes as JSON", text.len()),
            format!("at most {JSON_BYTES_MAX}, so that there is room for the message"),
        );
    }
    (!actions.is_empty()).then(|| Secret::new(text))
}

fn read_one(mut options: Table) -> Option<Value> {
    let tap = match options.has("action") {
        true => options.choice("action", &[("view", Tap::View), ("http", Tap::Http)])?,
        false => Tap::View,
    };
    let mut action = Map::new();
    let mut set = |key: &str, value: Value| action.insert(key.to_owned(), value);
    set(
        "action",
        json!(if tap == Tap::View { "view" } else { "http" }),
    );
    let label = read_label(&mut options);
    let url = read_url(&mut options, tap);
    if let Some(clear) = options.boolean("clear") {
        set("clear", json!(clear));
    }
    if tap == Tap::Http {
        let methods = ["POST", "GET", "PUT", "PATCH", "DELETE"].map(|method| (method, method));
        if let Some(method) = options.choice("method", &methods) {
            set("method", json!(method));
        }
        let headers = read_headers(&mut options);
        if !headers.is_empty() {
            set("headers", Value::Object(headers));
        }
        if let Some(body) = options.secret("body") {
            set("body", json!(body.expose()));
        }
    } else {
        for key in ["method", "headers", "body"] {
            if options.json(key).is_some() {
                let message = format!("an action that opens a link has no `{key}`");
                options.wrong(key, message, "set `action = \"http\"`, or leave it out");
            }
        }
    }
    options.finish();
    set("label", json!(label?));
    set("url", json!(url?.expose()));
    Some(Value::Object(action))
}

fn read_label(options: &mut Table) -> Option<String> {
    let help = format!("what stands on the button, at most {LABEL_BYTES_MAX} bytes");
    let Some(label) = options.string("label") else {
        if !options.has("label") {
            options.missing("label", help);
        }
        return None;
    };
    let label = label.trim().to_owned();
    if label.is_empty() || label.len() > LABEL_BYTES_MAX || label.contains(char::is_control) {
        options.wrong("label", "this fits on no button", help);
    }
    Some(label)
}

/// Read as a secret: the address of a webhook is its credential.
fn read_url(options: &mut Table, tap: Tap) -> Option<Secret> {
    if !options.has("url") {
        options.missing("url", URL_HELP);
        return None;
    }
    let text = options.secret("url")?;
    let fits = Url::parse(text.expose()).is_ok_and(|url| match tap {
        Tap::View => is_harmless(&url),
        Tap::Http => matches!(url.scheme(), "http" | "https"),
    });
    if !fits {
        options.wrong("url", "this is no address that a button can have", URL_HELP);
    }
    Some(text)
}

fn read_headers(options: &mut Table) -> Map<String, Value> {
    let entries = options.secret_map("headers");
    if entries.len() > HEADERS_MAX {
        let message = format!("{} headers are too many", entries.len());
        options.wrong("headers", message, format!("at most {HEADERS_MAX}"));
    }
    let mut headers = Map::new();
    for (name, value) in entries {
        let visible: Option<HeaderValue> = sensitive(value.expose());
        if HeaderName::try_from(name.as_str()).is_err() || visible.is_none() {
            options.wrong(
                &format!("headers.{name}"),
                "this is no header",
                "a name such as `Authorization`, and visible characters in one line",
            );
        }
        headers.insert(name, json!(value.expose()));
    }
    headers
}
