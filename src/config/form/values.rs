//! The forms of single values: what a text has to look like, and where a secret may come from.
//!
//! A file of its own because a value is written the same in every table. A pattern never refuses what a
//! reader takes; where no pattern can say what a reader refuses, the reader alone does.

use schemars::{Schema, json_schema};
use serde_json::{Value, json};

/// Defines a type whose only use is that it describes a value.
macro_rules! value {
    ($(#[$about:meta])* $visible:vis $name:ident = $schema:expr) => {
        $(#[$about])*
        #[derive(Debug)]
        $visible struct $name;

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use value;

/// A number with or without a fraction, and a unit.
const DURATION: &str = concat!(
    r"^(\s*[0-9](\s|[0-9])*(\.(\s|[0-9])*[0-9](\s|[0-9])*)?",
    "(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m",
    r"|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y))+\s*$",
);

const SIZE: &str = r"^\s*[0-9]+\s*([kK]B|KiB|[MGT]i?B|B)?\s*$";

/// Name of a header, as RFC 9110 has it.
const HEADER: &str = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

value! {
    /// A duration.
    pub Duration = json_schema!({ "type": "string", "pattern": DURATION, "examples": ["30s", "5m", "24h"] })
}

value! {
    /// A number of bytes.
    pub Size = json_schema!({ "type": "string", "pattern": SIZE, "examples": ["64KiB", "1MiB", "2GiB"] })
}

value! {
    /// A text or a list of texts.
    pub Texts = one_or_many(&json_schema!({ "type": "string" }))
}

value! {
    /// A secret, wherever it comes from.
    pub Secret = secret(json!({ "type": "string", "minLength": 1 }))
}

value! {
    /// One secret or a list of them.
    pub Secrets = one_or_many(&secret(json!({ "type": "string", "minLength": 1 })))
}

value! {
    /// The address of an HTTP server, which may be a secret.
    pub Address = secret_like(r"^\s*[Hh][Tt][Tt][Pp][Ss]?:")
}

value! {
    /// Headers by name, each a secret.
    pub Headers = json_schema!({
        "type": "object",
        "propertyNames": { "pattern": HEADER },
        "additionalProperties": secret(json!({ "type": "string", "minLength": 1 })),
    })
}

/// A text that a pattern fits.
#[must_use]
pub fn text_like(pattern: &str) -> Schema {
    json_schema!({ "type": "string", "pattern": pattern })
}

/// A secret that a pattern fits where it stands in the file itself.
#[must_use]
pub fn secret_like(pattern: &str) -> Schema {
    secret(json!({ "type": "string", "pattern": pattern }))
}

/// One value or a list of such values.
#[must_use]
pub fn one_or_many(one: &Schema) -> Schema {
    json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
}

fn secret(text: Value) -> Schema {
    json_schema!({
        "anyOf": [text, {
            "type": "object",
            "properties": {
                "env": { "type": "string", "description": "The environment variable that holds it." },
                "file": {
                    "type": "string",
                    "description": "The file that holds it; a newline at its end is no part of it.",
                },
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
        }]
    })
}
