//! The text of a configuration file as values, and where each of them stands.
//!
//! A file of its own because it is the only one that knows the TOML library. The text is parsed
//! once; values go to the layers, places to the report. It judges no value and reads no file.

use std::collections::BTreeMap;
use std::ops::Range;

use figment::value::{Dict, Value};
use toml_edit::{ArrayOfTables, Item, TableLike};

use super::keypath;
use super::problem::Part;

/// A parsed file.
#[derive(Default)]
pub(super) struct Document {
    /// Its values. Dates have become text, since no setting is a date.
    pub(super) values: Dict,
    /// Where each entry stands.
    pub(super) places: Places,
}

/// Why a text is no TOML. The parser stops at the first such mistake.
#[derive(Debug)]
pub(super) struct SyntaxError {
    /// What is wrong; holds nothing of the text.
    pub(super) message: String,
    /// Where.
    pub(super) span: Option<Range<usize>>,
}

/// Where every entry of a file stands, by its full key.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, Place>);

/// Where one entry stands.
#[derive(Debug)]
pub(super) struct Place {
    /// Its key, where it has one.
    pub(super) key: Option<Range<usize>>,
    /// Its value, or the `[header]` of a table.
    pub(super) value: Option<Range<usize>>,
    /// How many entries or items it has; `None` for a single value.
    pub(super) size: Option<usize>,
}

/// Parses the text of a file.
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let parsed = toml_edit::Document::parse(text).map_err(|error| SyntaxError {
        message: error.message().to_owned(),
        span: error.span(),
    })?;
    let mut places = Places::default();
    let values = places.table("", parsed.as_table());
    Ok(Document { values, places })
}

/// Reads a list that came as text, written as in TOML.
pub(super) fn inline_list(text: &str) -> Option<Vec<Value>> {
    let value: toml_edit::Value = text.trim().parse().ok()?;
    match Places::default().value("", &value) {
        Value::Array(_, items) => Some(items),
        _ => None,
    }
}

impl Places {
    /// Where an entry stands.
    pub(super) fn get(&self, path: &str) -> Option<&Place> {
        self.0.get(path)
    }

    /// Every entry with its full key, in the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.0.iter().map(|(path, place)| (path.as_str(), place))
    }

    fn table(&mut self, path: &str, table: &dyn TableLike) -> Dict {
        table
            .iter()
            .filter(|(_, item)| !item.is_none())
            .map(|(key, item)| {
                let at = keypath::entry(path, key);
                let span = table.key(key).and_then(toml_edit::Key::span);
                self.note(&at, span, item);
                (key.to_owned(), self.item(&at, item))
            })
            .collect()
    }

    fn item(&mut self, path: &str, item: &Item) -> Value {
        match item {
            Item::None => Value::from(Dict::new()),
            Item::Value(value) => self.value(path, value),
            Item::Table(table) => Value::from(self.table(path, table)),
            Item::ArrayOfTables(tables) => Value::from(self.tables(path, tables)),
        }
    }

    fn tables(&mut self, path: &str, tables: &ArrayOfTables) -> Vec<Value> {
        let one = |(index, table): (usize, &toml_edit::Table)| {
            let at = keypath::item(path, index);
            let place = Place {
                key: None,
                value: table.span(),
                size: Some(table.len()),
            };
            self.0.insert(at.clone(), place);
            Value::from(self.table(&at, table))
        };
        tables.iter().enumerate().map(one).collect()
    }

    fn value(&mut self, path: &str, value: &toml_edit::Value) -> Value {
        match value {
            toml_edit::Value::String(text) => Value::from(text.value().as_str()),
            toml_edit::Value::Integer(number) => Value::from(*number.value()),
            toml_edit::Value::Float(number) => Value::from(*number.value()),
            toml_edit::Value::Boolean(truth) => Value::from(*truth.value()),
            toml_edit::Value::Datetime(date) => Value::from(date.value().to_string()),
            toml_edit::Value::InlineTable(table) => Value::from(self.table(path, table)),
            toml_edit::Value::Array(items) => {
                let one = |(index, item): (usize, &toml_edit::Value)| {
                    let at = keypath::item(path, index);
                    let place = Place {
                        key: None,
                        value: item.span(),
                        size: size(item),
                    };
                    self.0.insert(at.clone(), place);
                    self.value(&at, item)
                };
                Value::from(items.iter().enumerate().map(one).collect::<Vec<_>>())
            }
        }
    }

    fn note(&mut self, path: &str, key: Option<Range<usize>>, item: &Item) {
        let (value, size) = match item {
            Item::None => (None, None),
            Item::Value(value) => (value.span(), size(value)),
            Item::Table(table) => (table.span(), Some(table.len())),
            // The span of the whole runs over everything between the first and the last of them.
            Item::ArrayOfTables(tables) => (
                tables.get(0).and_then(toml_edit::Table::span),
                Some(tables.len()),
            ),
        };
        self.0.insert(path.to_owned(), Place { key, value, size });
    }
}

impl Place {
    /// The part of the text that a problem with this entry underlines.
    pub(super) fn part(&self, part: Part) -> Option<Range<usize>> {
        match part {
            Part::Key => self.key.clone().or_else(|| self.value.clone()),
            Part::Value | Part::Table => self.value.clone().or_else(|| self.key.clone()),
        }
    }
}

fn size(value: &toml_edit::Value) -> Option<usize> {
    match value {
        toml_edit::Value::Array(items) => Some(items.len()),
        toml_edit::Value::InlineTable(entries) => Some(entries.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
data_dir = "x"
log.level = "info"
[sinks.phone]
tags = ["a", "b"]
headers = { "X.Y" = 1, Z = { env = "N" } }
[[rules]]
name = "one"
[[rules]]
when = 'true'
since = 2024-01-02
"#;

    fn document() -> Document {
        parse(TEXT).expect("valid TOML")
    }

    fn check(path: &str, key: Option<&str>, value: Option<&str>) {
        let document = document();
        let place = document.places.get(path).expect(path);
        let cut = |range: &Option<Range<usize>>| range.clone().map(|range| TEXT[range].to_owned());
        assert_eq!(cut(&place.key).as_deref(), key, "key of {path}");
        assert_eq!(cut(&place.value).as_deref(), value, "value of {path}");
    }

    #[test]
    fn knows_where_every_entry_stands() {
        check("data_dir", Some("data_dir"), Some(r#""x""#));
        check("log.level", Some("level"), Some(r#""info""#));
        check("sinks", Some("sinks"), Some("sinks"));
        check("sinks.phone", Some("phone"), Some("[sinks.phone]"));
        check("sinks.phone.tags[1]", None, Some(r#""b""#));
        check(r#"sinks.phone.headers."X.Y""#, Some(r#""X.Y""#), Some("1"));
        check("sinks.phone.headers.Z.env", Some("env"), Some(r#""N""#));
        check("rules[1]", None, Some("[[rules]]"));
        check("rules[1].when", Some("when"), Some("'true'"));
        let document = document();
        let second = document
            .places
            .get("rules[1]")
            .and_then(|place| place.part(Part::Table));
        assert_eq!(second.map(|range| range.start), TEXT.rfind("[[rules]]"));
    }

    #[test]
    fn dates_become_text() {
        let Some(Value::Array(_, rules)) = document().values.remove("rules") else {
            panic!("rules are a list");
        };
        let since = rules[1].find_ref("since").and_then(Value::as_str);
        assert_eq!(since, Some("2024-01-02"));
    }

    #[test]
    fn reads_a_list_from_text() {
        let texts = |text: &str| {
            inline_list(text).map(|items| {
                items
                    .iter()
                    .map(|item| item.as_str().unwrap_or("?").to_owned())
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            texts(r#" ["a", 'b, c'] "#),
            Some(vec!["a".to_owned(), "b, c".to_owned()])
        );
        assert_eq!(texts("[]"), Some(Vec::new()));
        assert_eq!(texts("[a, b]"), None);
        assert_eq!(texts("\"a\""), None);
    }
}
