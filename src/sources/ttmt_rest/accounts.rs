//! The rows of `GET /accounts`, for people and for the question which account is meant.
//!
//! A file of its own because it is pure and because nothing else reads these rows. Every value is kept
//! as text, also one that nobody documented; what is missing stays missing.

use serde_json::Value;

use super::page::Page;
use super::query::Uuid;

/// A trading account behind a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TradingAccount {
    /// What goes into `account_id`.
    pub account_id: Option<String>,
    /// Its name.
    pub label: Option<String>,
    /// Its type, such as `live`.
    pub kind: Option<String>,
    /// Its currency.
    pub currency: Option<String>,
    /// Its state, such as `deployed`.
    pub state: Option<String>,
}

impl TradingAccount {
    /// The accounts on a page of them. A row that is no object is none.
    #[must_use]
    pub fn of_page(page: &Page) -> Vec<Self> {
        page.rows.iter().filter_map(Self::read).collect()
    }

    /// Whether this is the account with that id. Some write the digits of a UUID in capitals.
    #[must_use]
    pub fn is(&self, id: &Uuid) -> bool {
        let own = self.account_id.as_deref();
        own.is_some_and(|own| own.eq_ignore_ascii_case(id.as_str()))
    }

    /// The same with every text changed.
    #[must_use]
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        let change = |text: Option<String>| text.as_deref().map(&change);
        Self {
            account_id: change(self.account_id),
            label: change(self.label),
            kind: change(self.kind),
            currency: change(self.currency),
            state: change(self.state),
        }
    }

    fn read(row: &Value) -> Option<Self> {
        let row = row.as_object()?;
        let text = |name: &str| match row.get(name)? {
            Value::String(text) => Some(text.clone()),
            scalar @ (Value::Number(_) | Value::Bool(_)) => Some(scalar.to_string()),
            _ => None,
        };
        Some(Self {
            account_id: text("account_id"),
            label: text("label"),
            kind: text("type"),
            currency: text("currency"),
            state: text("state"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(rows: Value) -> Vec<TradingAccount> {
        TradingAccount::of_page(&Page::read(json!({ "data": rows })).expect("a list"))
    }

    #[test]
    fn tol_5_values_that_nobody_documented_are_kept_and_missing_ones_stay_missing() {
        let id = "A1B2C3D4-0f5e-4c7a-9b31-6d2e8f4a7c10";
        let accounts = read(json!([
            { "account_id": id, "label": 7, "type": "moon", "state": null, "new": [] },
            "no row",
        ]));
        let expected = TradingAccount {
            account_id: Some(id.to_owned()),
            label: Some("7".to_owned()),
            kind: Some("moon".to_owned()),
            currency: None,
            state: None,
        };
        assert_eq!(accounts, [expected]);
        let same = id.to_lowercase().parse().expect("a UUID");
        let other = "c90e7b52-3d14-4f86-a2cb-51f7d8e06a93"
            .parse()
            .expect("a UUID");
        assert!(accounts[0].is(&same) && !accounts[0].is(&other));
        assert!(!TradingAccount::default().is(&same));
    }
    #[test]
    fn every_text_of_an_account_is_changed_in_its_place_and_a_missing_one_stays_missing() {
        let row =
            json!({ "account_id": "a", "label": "b", "type": "c", "currency": "d", "state": "e" });
        let changed = read(json!([row])).remove(0).map(str::to_uppercase);
        let expected = json!([{ "account_id": "A", "label": "B", "type": "C", "currency": "D", "state": "E" }]);
        assert_eq!([changed], *read(expected));
        let none = TradingAccount::default();
        assert_eq!(none.clone().map(|_| "x".to_owned()), none);
    }
}
