//! Settings from environment variables: `BELLWIRE_SOURCES__TTMT__API_KEY` is `sources.ttmt.api_key`.
//!
//! A file of its own because variable names know no case, no hyphens and no lists, so each has to be
//! matched against what the file already has. Values stay the text they are: an API key `0123` keeps
//! its zero, and whoever reads a number reads it from the text.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::keypath;
use super::problem::Problems;

/// What every variable that is a setting starts with.
const PREFIX: &str = "BELLWIRE_";

/// What goes one level down.
const SEPARATOR: &str = "__";

/// Settings at the top of the file, the only ones that need no separator. Every other variable
/// without one, such as `BELLWIRE_HTTP_TOKEN`, is there to be named by `{ env = … }`.
const TOP_SCALARS: [&str; 1] = ["data_dir"];

/// Deepest setting that a variable can name. The deepest there is has five levels.
const LEVELS_MAX: usize = 16;

/// The layer that the environment lays over the file.
#[derive(Default)]
pub(super) struct Overlay {
    /// Its values, all of them text.
    pub(super) values: Dict,
    /// The variable behind each of them, by full key.
    pub(super) variables: BTreeMap<String, String>,
}

/// Stands in a value for what is not UTF-8. Nobody means it as such.
pub(super) const NO_TEXT: char = char::REPLACEMENT_CHARACTER;

/// The environment of this process. What is not UTF-8 can be no name of a setting, and is no value of one.
#[must_use]
pub fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into()))
        })
        .collect()
}

/// Collects the settings among some variables. A place to look up a secret that the file gives, such
/// as `{ file = "x" }`, is taken out of `file` where a variable gives another one.
pub(super) fn overlay(
    environment: &BTreeMap<String, String>,
    file: &mut Dict,
    problems: &Problems,
) -> Overlay {
    let mut overlay = Overlay::default();
    for (variable, value) in environment {
        let Some(steps) = steps(variable) else {
            continue;
        };
        let usable = !steps.is_empty()
            && steps.len() <= LEVELS_MAX
            && steps.iter().all(|step| !step.is_empty());
        if !usable {
            let at = keypath::entry("", variable);
            overlay.variables.insert(at.clone(), variable.clone());
            let help = "`__` goes one level down, as in `BELLWIRE_HTTP__LISTEN`".to_owned();
            problems.key(&at, "this names no setting", Some(help));
            continue;
        }
        if value.contains(NO_TEXT) {
            let message = "its value is not UTF-8".to_owned();
            overlay.refuse(variable, problems, message, "set it to a text");
            continue;
        }
        overlay.lay(variable, value, &steps, file, problems);
    }
    overlay
}

/// The keys that a variable names, outermost first; `None` when it is no setting.
fn steps(variable: &str) -> Option<Vec<String>> {
    let rest = variable.strip_prefix(PREFIX)?.to_lowercase();
    if rest.contains(SEPARATOR) {
        Some(rest.split(SEPARATOR).map(str::to_owned).collect())
    } else {
        TOP_SCALARS
            .contains(&rest.as_str())
            .then(|| vec![rest.clone()])
    }
}

impl Overlay {
    fn lay(
        &mut self,
        variable: &str,
        value: &str,
        steps: &[String],
        file: &mut Dict,
        problems: &Problems,
    ) {
        let names = matching(steps, file);
        let path = names
            .iter()
            .fold(String::new(), |path, name| keypath::entry(&path, name));
        if let Some(earlier) = self.variables.get(&path) {
            let message = format!("`{earlier}` gives the same setting");
            self.refuse(variable, problems, message, "set one of the two");
            return;
        }
        if let Some(list) = list_above(&names, file) {
            let message = format!("`{list}` is a list, and a variable cannot reach into one");
            self.refuse(variable, problems, message, "change it in the file");
            return;
        }
        drop_other_reference(&names, file);
        if insert(&mut self.values, &names, value) {
            self.variables.insert(path, variable.to_owned());
        } else {
            let message = "another variable gives a setting above or below this one";
            self.refuse(variable, problems, message.to_owned(), "set one of the two");
        }
    }

    /// Reports a variable under a key of its own, since the setting has another place already.
    fn refuse(&mut self, variable: &str, problems: &Problems, message: String, help: &str) {
        let at = keypath::entry("", variable);
        self.variables.insert(at.clone(), variable.to_owned());
        problems.key(&at, message, Some(help.to_owned()));
    }
}

/// The keys as the file spells them. An exact match in lower case goes first, then one that differs
/// in case only, then one with `-` where a variable can only have `_`.
fn matching(steps: &[String], file: &Dict) -> Vec<String> {
    let mut table = Some(file);
    let mut names = Vec::with_capacity(steps.len());
    for step in steps {
        let name = table.map_or_else(|| step.clone(), |table| spelling(step, table));
        table = match table.and_then(|table| table.get(&name)) {
            Some(Value::Dict(_, entries)) => Some(entries),
            _ => None,
        };
        names.push(name);
    }
    names
}

fn spelling(step: &str, table: &Dict) -> String {
    if table.contains_key(step) {
        return step.to_owned();
    }
    let other_case = table.keys().find(|key| key.to_lowercase() == step);
    let hyphens = || {
        table
            .keys()
            .find(|key| key.to_lowercase().replace('-', "_") == step)
    };
    other_case
        .or_else(hyphens)
        .cloned()
        .unwrap_or_else(|| step.to_owned())
}

/// The full key of a list in the file that the last of the names would lie in.
fn list_above(names: &[String], file: &Dict) -> Option<String> {
    let (_, above) = names.split_last()?;
    let mut table = file;
    let mut path = String::new();
    for name in above {
        path = keypath::entry(&path, name);
        match table.get(name)? {
            Value::Array(..) => return Some(path),
            Value::Dict(_, entries) => table = entries,
            _ => return None,
        }
    }
    None
}

/// Takes `file = "x"` out of a secret's table when the names end in `env`, and the other way round:
/// laid over each other, the two would be a table that is no secret.
fn drop_other_reference(names: &[String], file: &mut Dict) {
    let Some((last, above)) = names.split_last() else {
        return;
    };
    let other = match last.as_str() {
        "env" => "file",
        "file" => "env",
        _ => return,
    };
    let mut table = file;
    for name in above {
        let Some(Value::Dict(_, entries)) = table.get_mut(name) else {
            return;
        };
        table = entries;
    }
    if table.len() == 1 {
        table.remove(other);
    }
}

/// Puts a text into a tree of tables; `false` when a text stands where a table is needed or the
/// other way round.
fn insert(table: &mut Dict, names: &[String], value: &str) -> bool {
    match names {
        [] => false,
        [last] if table.contains_key(last) => false,
        [last] => {
            table.insert(last.clone(), Value::from(value));
            true
        }
        [first, rest @ ..] => {
            let inner = table
                .entry(first.clone())
                .or_insert_with(|| Value::from(Dict::new()));
            match inner {
                Value::Dict(_, entries) => insert(entries, rest, value),
                _ => false,
            }
        }
    }
}
