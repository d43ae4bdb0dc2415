//! Buttons below a message: a link that is opened, or a request that the phone makes.
//!
//! A file of its own because they have options, limits and secrets of their own. Nothing of an event
//! stands in them but what a template of their address or body has put there.

use http::{HeaderName, HeaderValue};
#[cfg(test)]
use schemars::JsonSchema;
use serde_json::{Map, Value, json};
use url::Url;

use super::super::address::sensitive;
use super::super::options;
use super::super::slot::{self, Filled, Fit, Slot};
use super::link::Schemes;
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::expr::Template;
use crate::model::Secret;

/// ntfy's own limit.
pub(super) const ACTIONS_MAX: usize = 3;

/// All of them as JSON. It leaves room for the message with every other field at its maximum.
const JSON_BYTES_MAX: usize = 1536;

/// What of it is at least there for each template.
const SLOT_BYTES_MIN: usize = 128;

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
#[cfg(test)]
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

#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(rename_all = "lowercase")]
enum Word {
    View,
    Http,
}

#[cfg(test)]
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

#[cfg(test)]
fn is_request() -> Value {
    json!({ "required": ["action"], "properties": { "action": { "const": "http" } } })
}

#[cfg(test)]
fn without_request() -> Value {
    json!({ "properties": { "method": false, "headers": false, "body": false } })
}

/// All buttons of a sink.
#[derive(Debug)]
pub(super) struct Actions {
    /// Their JSON, which may hold a receiver's credentials, without what templates make.
    fixed: Secret,
    /// What templates make: the position of a button and its key.
    made: Vec<(usize, &'static str)>,
}

impl Actions {
    /// As ntfy takes them. A button that a template left unfinished is left out, since it would do
    /// something else than was meant.
    pub(super) fn json(&self, filled: &Filled) -> Option<Value> {
        let fixed = serde_json::from_str(self.fixed.expose()).ok()?;
        let mut actions: Vec<Option<Value>> = match fixed {
            Value::Array(actions) => actions.into_iter().map(Some).collect(),
            _ => return None,
        };
        for (index, key) in &self.made {
            let made = filled.get(&name(*index, key));
            let action = actions.get_mut(*index)?;
            match (made, &mut *action) {
                (Some(text), Some(action)) => action[*key] = json!(text),
                _ => *action = None,
            }
        }
        let actions: Vec<Value> = actions.into_iter().flatten().collect();
        (!actions.is_empty()).then(|| Value::Array(actions))
    }
}

/// The name of a slot.
fn name(index: usize, key: &str) -> String {
    format!("actions[{index}].{key}")
}

/// Reads `actions`; what templates make of them goes to the slots.
pub(super) fn read(options: &mut Table, slots: &mut Vec<Slot>) -> Option<Actions> {
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
    let mut made = Vec::new();
    let mut own = Vec::new();
    let actions: Vec<Value> = tables
        .into_iter()
        .enumerate()
        .filter_map(|(index, table)| {
            let mut parts = Templates {
                index,
                label: String::new(),
                slots: &mut own,
                made: &mut made,
            };
            read_one(table, &mut parts)
        })
        .collect();
    let text = json!(actions).to_string();
    let bytes = text.len() + own.len() * SLOT_BYTES_MIN;
    if bytes > JSON_BYTES_MAX {
        options.wrong(
            "actions",
            format!("these actions take {bytes} bytes as JSON"),
            format!("at most {JSON_BYTES_MAX}, so that there is room for the message"),
        );
    }
    let room = JSON_BYTES_MAX.saturating_sub(text.len());
    let each = room.checked_div(own.len()).unwrap_or_default();
    slots.extend(own.into_iter().map(|slot| Slot {
        bytes_max: each,
        ..slot
    }));
    (!actions.is_empty()).then(|| Actions {
        fixed: Secret::new(text),
        made,
    })
}

/// Where the templates of one button go.
struct Templates<'a> {
    index: usize,
    label: String,
    slots: &'a mut Vec<Slot>,
    made: &'a mut Vec<(usize, &'static str)>,
}

impl Templates<'_> {
    /// Takes a text that is a template. Its place holds nothing until it is filled.
    fn take(&mut self, options: &Table, key: &'static str, text: &str, fit: Fit) -> Secret {
        if let Some(template) = options::compiled(options, key, text, Template::compile) {
            self.made.push((self.index, key));
            self.slots.push(Slot {
                name: name(self.index, key),
                template,
                fit,
                bytes_max: 0,
                is_secret: true,
                button: Some(self.label.clone()),
            });
        }
        Secret::new(String::new())
    }
}

fn read_one(mut options: Table, templates: &mut Templates<'_>) -> Option<Value> {
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
    templates.label = label.clone().unwrap_or_default();
    let url = read_url(&mut options, tap, templates);
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
        if let Some(body) = read_body(&mut options, templates) {
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
    if slot::is_template(&label) {
        let at = options.path_of("label");
        options.warn(format!(
            "`{at}` is shown as it stands; templates are for a button's `url` and `body`"
        ));
    }
    Some(label)
}

/// Read as a secret: the address of a webhook is its credential.
fn read_url(options: &mut Table, tap: Tap, templates: &mut Templates<'_>) -> Option<Secret> {
    if !options.has("url") {
        options.missing("url", URL_HELP);
        return None;
    }
    let text = options.secret("url")?;
    let schemes = match tap {
        Tap::View => Schemes::Harmless,
        Tap::Http => Schemes::Web,
    };
    if slot::is_template(text.expose()) {
        let fit = schemes.fit(text.expose());
        return Some(templates.take(options, "url", text.expose(), fit));
    }
    if !Url::parse(text.expose()).is_ok_and(|url| schemes.allow(&url)) {
        options.wrong("url", "this is no address that a button can have", URL_HELP);
    }
    Some(text)
}

fn read_body(options: &mut Table, templates: &mut Templates<'_>) -> Option<Secret> {
    let text = options.secret("body")?;
    Some(match slot::is_template(text.expose()) {
        true => templates.take(options, "body", text.expose(), |text| {
            Ok(Some(text.to_owned()))
        }),
        false => text,
    })
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
