//! Whether all that is heard of a source is about one trading account.
//!
//! A file of its own because it is a small memory with one use: whoever has a single account need not
//! read its name in every message. It remembers no more names than that takes.

use bytes::Bytes;
use serde_json::Value;

use super::read::{self, Members};
use super::record::Trade;
use super::{Picture, WHOLE};
use crate::model::Event;

/// What says whose something is, the surest first.
const ACCOUNT: [&[&str]; 2] = [&["account_id"], &["account_label"]];

/// So many accounts are remembered: more than one is all that matters.
const ACCOUNTS_MAX: usize = 2;

/// What is known beside an event of which nothing else is.
const SOLE: &[u8] = br#"{"sole_account":true}"#;

impl Picture {
    /// Says that one account is followed, whatever else there was before.
    pub fn follow_one_account(&mut self) {
        self.is_filtered = true;
    }

    /// Notes beside an event whether there is no other account that it could be about.
    pub fn mark(&self, event: &mut Event) {
        if !self.is_filtered && self.accounts.len() != 1 {
            return;
        }
        let about = event.about.as_deref();
        let about = about.and_then(|about| serde_json::from_slice::<Members>(about).ok());
        event.about = Some(match about {
            Some(mut members) => {
                members.insert("sole_account".to_owned(), true.into());
                Value::Object(members).to_string().into()
            }
            None => Bytes::from_static(SOLE),
        });
    }

    /// Notes whose something is.
    pub(super) fn note_account(&mut self, members: &Members) {
        let account = ACCOUNT.iter().find_map(|keys| read::id(members, keys));
        let is_full = self.accounts.len() >= ACCOUNTS_MAX;
        if let Some(account) = account.filter(|_| !is_full)
            && self.accounts.insert(account)
        {
            self.changed.insert(WHOLE.to_owned());
        }
    }

    /// Notes whose a trade and its positions are.
    pub(super) fn note_accounts_of(&mut self, key: &str) {
        if self.accounts.len() >= ACCOUNTS_MAX {
            return;
        }
        let Some(trade) = self.trades.get(key) else {
            return;
        };
        for members in members_of(trade) {
            self.note_account(&members);
        }
    }
}

fn members_of(trade: &Trade) -> Vec<Members> {
    let positions = trade.positions.iter().map(|position| &position.members);
    std::iter::once(&trade.members)
        .chain(positions)
        .cloned()
        .collect()
}
