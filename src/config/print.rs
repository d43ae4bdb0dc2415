//! Whether a table says the same in two readings of the configuration.
//!
//! A file of its own because a reload must leave alone what has not changed, and because secrets take
//! part: one that comes from a file may change while the table stays as it is. Only a hash is kept,
//! made for comparing within one process, or with others of the same program.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use figment::value::Value;

use super::secret;

/// What a table said when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print(u64);

/// Eight hexadecimal digits, which say nothing of a secret among what they are made of.
impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 & 0xffff_ffff)
    }
}

/// The print of a table's entries, with what its references stand for by now.
pub(super) fn print(
    entries: &BTreeMap<String, Value>,
    environment: &BTreeMap<String, String>,
    folder: &Path,
) -> Print {
    let mut hasher = DefaultHasher::new();
    let hash = Hashing {
        environment,
        folder,
    };
    hash.entries(entries.iter(), &mut hasher);
    Print(hasher.finish())
}

struct Hashing<'a> {
    environment: &'a BTreeMap<String, String>,
    folder: &'a Path,
}

impl Hashing<'_> {
    fn entries<'v>(
        &self,
        entries: impl Iterator<Item = (&'v String, &'v Value)>,
        hasher: &mut DefaultHasher,
    ) {
        for (key, value) in entries {
            key.hash(hasher);
            self.value(value, hasher);
        }
        "end".hash(hasher);
    }

    fn value(&self, value: &Value, hasher: &mut DefaultHasher) {
        if secret::reference(value).is_some() {
            let found = secret::resolve(value, self.environment, self.folder);
            found.ok().as_deref().hash(hasher);
        }
        match value {
            Value::String(_, text) => text.hash(hasher),
            Value::Char(_, character) => character.hash(hasher),
            Value::Bool(_, truth) => truth.hash(hasher),
            Value::Num(_, number) => format!("{number:?}").hash(hasher),
            Value::Empty(..) => "empty".hash(hasher),
            Value::Dict(_, entries) => self.entries(entries.iter(), hasher),
            Value::Array(_, items) => {
                items.len().hash(hasher);
                items.iter().for_each(|item| self.value(item, hasher));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample;

    #[test]
    fn the_same_table_has_the_same_print_and_another_has_another() {
        let print = |entries| sample::table("sinks.phone", &entries).print();
        let table = json!({ "topic": "a", "tags": ["x", "y"], "retry": { "factor": 2.0 } });
        assert_eq!(print(table.clone()), print(table.clone()));
        for (pointer, other) in [
            ("/topic", json!("b")),
            ("/tags", json!(["x"])),
            ("/tags", json!(["y", "x"])),
            ("/retry/factor", json!(3.0)),
            ("/retry", json!(true)),
        ] {
            let mut changed = table.clone();
            *changed.pointer_mut(pointer).expect("it is there") = other;
            assert_ne!(print(table.clone()), print(changed), "{pointer}");
        }
    }

    #[test]
    fn a_secret_file_with_another_content_makes_another_print() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let file = folder.path().join("key");
        let table = json!({ "api_key": { "file": file.display().to_string() } });
        let print = || sample::table("sources.ttmt", &table).print();
        std::fs::write(&file, "one").expect("writes");
        let first = print();
        assert_eq!(print(), first);
        std::fs::write(&file, "two").expect("writes");
        assert_ne!(print(), first);
    }
}
