//! The description of what this room answers, in OpenAPI 3.1: paths, parameters, answers and refusals.
//!
//! A room in the room because it is said to other programs, as the page is to people. Each handler has
//! its part beside it; what handlers share, and the forms of what they answer, stand here. The page and
//! what belongs to it are for browsers and not described. All of it is there for a test alone, which
//! writes the description that is served.

mod answers;
mod shared;
mod standing;

use serde_json::{Map, Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, openapi};

pub(super) use answers::{Counted, Delivery, Event, Page, Replay, Rule, Test, Tested, Whole};
pub(super) use shared::{
    NoQueue, NoToken, NotNow, NotUnderstood, OtherOrigin, Paging, Since, TooLarge, Unknown, Which,
};
pub(super) use standing::{Instance, Readiness, Sink, Source};

use super::api::{self, by_hand, lists, live, replay, trial};
use super::{metrics, ready};
use crate::config::form;

/// Forms that have all members of another one, and more.
const EXTENDED: [(&str, &str); 5] = [
    ("Event", "EventHead"),
    ("Whole", "Delivery"),
    ("Try", "Last"),
    ("Source", "SourceState"),
    ("Sink", "SinkState"),
];

/// The description as it is served and committed.
fn description() -> Value {
    let mut description = json!(Description::openapi());
    let schemas = &mut description["components"]["schemas"];
    for (form, base) in EXTENDED {
        let base = schemas[base].clone();
        extend(&mut schemas[form], &base);
    }
    for (name, form) in schemas.as_object_mut().into_iter().flatten() {
        // The derived form of a page holds its items' own before they were extended.
        if let Some(item) = name.strip_prefix("Page_") {
            let place = format!("#/components/schemas/{item}");
            form["properties"]["data"]["items"] = json!({ "$ref": place });
        }
    }
    tidy(&mut description);
    description
}

/// Takes the modules of handlers away, which are nobody's business, and unwraps comments.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(members) => {
            if members.contains_key("operationId") {
                members.shift_remove("tags");
            }
            for key in ["summary", "description"] {
                if let Some(Value::String(words)) = members.get_mut(key) {
                    *words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                }
            }
            members.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

/// A closed form cannot be put together of two in a schema, so it is done here.
fn extend(form: &mut Value, base: &Value) {
    let mut members: Map<String, Value> =
        base["properties"].as_object().cloned().unwrap_or_default();
    members.extend(form["properties"].as_object().cloned().unwrap_or_default());
    let required = [base, form]
        .into_iter()
        .flat_map(|form| form["required"].as_array());
    let required: Vec<Value> = required.flatten().cloned().collect();
    form["properties"] = Value::Object(members);
    form["required"] = Value::Array(required);
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "bellwire",
        description = "The running instance: what it has heard, what it has delivered, and what a person \
            may do by hand. Every refusal is a problem document, as RFC 9457 has it. A page of another \
            origin may only read.",
    ),
    paths(
        super::alive,
        ready::show,
        metrics::show,
        lists::events,
        live::open,
        lists::deliveries,
        by_hand::show,
        by_hand::retry,
        by_hand::drop,
        replay::replay,
        lists::sources,
        lists::sinks,
        trial::test,
        lists::rules,
        lists::instances,
        api::describe,
    ),
    components(schemas(answers::Problem)),
    security(("token" = [])),
    modifiers(&Token),
)]
struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut openapi::OpenApi) {
        let about = "The token of `http.token`; not asked for where none is set.";
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(about))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

#[test]
fn the_committed_description_is_what_the_handlers_say() {
    form::hold("admin/api/openapi.json", &description());
}
