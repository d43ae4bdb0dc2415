//! A program of the user's: the event as JSON on its standard input, its exit status as the answer.
//!
//! A file of its own, as every kind's. It runs with bellwire's own rights, so the configuration has to
//! say in so many words that it may. There is no shell: arguments reach the program as they are written,
//! and nothing of an event is ever one of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator, json_schema};

use super::record;
use super::{EncodeError, Facts, Kind, Message, Parts, Question, Translator};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::{Reply, Rests, Secret, Verdict};
use crate::transport::Outgoing;
use crate::transport::program::Call;

pub(super) const KIND: Kind = Kind {
    name: "exec",
    rate_limit: None,
    rests: Rests {
        first: Duration::from_secs(30),
        max: Duration::from_secs(15 * 60),
    },
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

const COMMAND_HELP: &str =
    "the program and its arguments, such as `[\"/usr/local/bin/ring\", \"--loud\"]`";

/// Exit statuses with a meaning, as `sysexits.h` names them.
const EX_DATAERR: u16 = 65;
const EX_NOPERM: u16 = 77;
const EX_CONFIG: u16 = 78;

/// What shells say of a program that cannot be run, or is not there.
const NOT_EXECUTABLE: u16 = 126;
const NOT_FOUND: u16 = 127;

/// Above it stands the signal that ended a program.
const SIGNALS: u16 = 128;

#[derive(Debug)]
struct Exec {
    program: PathBuf,
    arguments: Vec<Secret>,
}

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields)]
struct Form {
    /// The program and its arguments; each may be a secret. There is no shell.
    command: Command,
    /// It runs with bellwire's rights, so this has to be said.
    allow_exec: Allowed,
}

#[cfg(test)]
form::value! {
    Command = {
        let part = form::secret_like(".");
        json_schema!({ "anyOf": [part, { "type": "array", "items": part, "minItems": 1 }] })
    }
}

#[cfg(test)]
form::value! { Allowed = json_schema!({ "type": "boolean", "const": true }) }

fn build(options: &mut Table) -> Option<Parts> {
    if options.boolean("allow_exec") != Some(true) {
        options.wrong(
            "allow_exec",
            "this sink runs a program, which has to be allowed",
            "`allow_exec = true` in this sink",
        );
    }
    if !options.has("command") {
        options.missing("command", COMMAND_HELP);
        return None;
    }
    // Arguments may be secrets, and are read as such.
    let command = options.secrets("command")?;
    let whole: Vec<&str> = command.iter().map(Secret::expose).collect();
    let Some(program) = whole.first().filter(|program| !program.trim().is_empty()) else {
        options.wrong("command", "there is no program in it", COMMAND_HELP);
        return None;
    };
    // A bare name is looked up in `PATH`, as a shell does; anything else is a place.
    let program = match program.contains('/') {
        true => options.folder().join(program),
        false => PathBuf::from(*program),
    };
    let name = program.file_name().unwrap_or(program.as_os_str());
    // People see of the arguments only whether they have changed.
    let hash = Secret::new(whole.join("\0")).short_hash();
    let arguments = command.into_iter().skip(1).collect();
    Some(Parts {
        display: format!("{} #{hash}", name.to_string_lossy()),
        slots: Vec::new(),
        translator: Box::new(Exec { program, arguments }),
    })
}

impl Translator for Exec {
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError> {
        Ok(Outgoing::Program(Call {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            environment: vec![("BELLWIRE_DELIVERY_ID", message.id.to_string())],
            input: record::bytes(message, None),
        }))
    }

    /// Nothing can be asked of a program without starting it.
    fn questions(&self) -> Vec<Question> {
        Vec::new()
    }

    fn program(&self) -> Option<&Path> {
        Some(&self.program)
    }

    fn judge(&self, reply: &Reply, _facts: &Facts) -> Verdict {
        let reason = match reply.status {
            0 => return Verdict::Delivered,
            signal @ SIGNALS.. => format!("ended by signal {}", signal - SIGNALS),
            status => format!("exit status {status}"),
        };
        match reply.status {
            EX_DATAERR => Verdict::Dead { reason },
            EX_NOPERM | EX_CONFIG => Verdict::Suspend { reason },
            NOT_EXECUTABLE | NOT_FOUND => Verdict::Retry { reason, slow: true },
            _ => Verdict::Retry {
                reason,
                slow: false,
            },
        }
    }

    fn rest_after(&self, _reply: &Reply) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::samples::{
        facts, id, message, recorded_with_id, refused, reply, sink, verdict, with,
    };
    use super::super::{Sink, Wording};
    use super::*;

    fn exec(more: &Value) -> Sink {
        sink("exec", &with("exec", more))
    }

    fn call(sink: &Sink) -> Call {
        let event = recorded_with_id("215");
        let wording = Wording::of(&event);
        match sink.translator.encode(&message(&id(), &event, &wording)) {
            Ok(Outgoing::Program(call)) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_event_goes_in_as_json_and_never_as_an_argument() {
        let call = call(&exec(&json!({})));
        assert_eq!(call.program, PathBuf::from("/usr/local/bin/ring"));
        let arguments: Vec<&str> = call.arguments.iter().map(Secret::expose).collect();
        assert_eq!(arguments, ["s3cret"]);
        let input: Value = serde_json::from_slice(&call.input).expect("JSON");
        assert_eq!(input["type"], "tp_hit");
        assert_eq!(input["webhook_id"], id().as_str());
        assert!(
            input["title"]
                .as_str()
                .expect("a title")
                .contains("TP1 hit"),
            "{input}"
        );
        assert_eq!(input["data"]["symbol"], "XAUUSD");
    }

    #[test]
    fn a_relative_place_counts_from_the_configuration_and_a_bare_name_is_looked_up() {
        let of = |command: Value| call(&exec(&json!({ "command": command }))).program;
        assert_eq!(of(json!("ring")), PathBuf::from("ring"));
        let relative = of(json!(["./bin/ring"]));
        assert!(
            relative.is_absolute() || relative.ends_with("bin/ring"),
            "{relative:?}"
        );
        assert_ne!(relative, PathBuf::from("ring"));
    }

    #[test]
    fn it_has_to_be_allowed() {
        let command = json!({ "command": ["ring"] });
        refused("exec", &command, "sinks.it.allow_exec");
        let denied = json!({ "command": ["ring"], "allow_exec": false });
        refused("exec", &denied, "sinks.it.allow_exec");
        refused("exec", &json!({ "allow_exec": true }), "sinks.it");
        let nothing = json!({ "allow_exec": true, "command": [] });
        refused("exec", &nothing, "sinks.it.command");
    }

    #[test]
    fn exit_statuses_are_told_apart() {
        let sink = exec(&json!({}));
        for (status, expected) in [
            (0, "delivered"),
            (1, "retry"),
            (65, "dead"),
            (75, "retry"),
            (77, "suspend"),
            (78, "suspend"),
            (127, "slow"),
            (137, "retry"),
        ] {
            let answer = reply(status, &[], "s3cret words of the program");
            assert_eq!(verdict(&sink, &answer, &facts()), expected, "{status}");
        }
    }
}
