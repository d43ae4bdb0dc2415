//! The stable ids of deliveries: a random part, the tag, and the number of the row.
//!
//! A file of its own because a queue may be put back as it was some time ago. Numbers then go on from
//! there, while receivers know what else had those numbers meanwhile, and would drop a new alert with an
//! old id as a repeat. So whoever opens the file gives what comes in from then on a tag of its own, and
//! what is in it already keeps the tag that it came in with, however the file got where it is.

use std::fmt::Write as _;

use rand::Rng;

use super::StoreError;
use super::sql::{Connection, params};
use crate::model::DeliveryId;

/// Most tags of deliveries that are all still kept. A process that never stays up for long, with something
/// new in the queue each time, goes on with the newest of them.
const TAGS_MAX: usize = 4096;

/// The number that the next delivery gets.
const NEXT_IN_FILE: &str = "SELECT 1 + max(coalesce((SELECT max(seq) FROM deliveries), 0),
     coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'deliveries'), 0))";

const NEXT_ON_SERVER: &str =
    "SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM deliveries_seq_seq";

/// Which deliveries have which tag: each with the first one that has it, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<(i64, Box<str>)>);

impl Tags {
    /// Those of a file, with a new one for what comes in from now on. Those that nothing has any more are
    /// forgotten, and so is one that nothing came in with: a copy of the file may have used it.
    pub(super) fn begin(transaction: &Connection<'_>) -> Result<Self, StoreError> {
        let next: i64 = transaction.query_row(next(transaction), params![], |row| row.get(0))?;
        transaction.execute("DELETE FROM tags WHERE first >= ?1", params![next])?;
        let oldest: Option<i64> =
            transaction.query_row("SELECT min(seq) FROM deliveries", params![], |row| {
                row.get(0)
            })?;
        let in_use: Option<i64> = transaction.query_optional(
            "SELECT first FROM tags WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
            params![oldest.unwrap_or(next)],
            |row| row.get(0),
        )?;
        match oldest {
            Some(_) => transaction.execute("DELETE FROM tags WHERE first < ?1", params![in_use])?,
            None => transaction.execute("DELETE FROM tags", params![])?,
        };
        let mut tags = Self::read(transaction)?;
        if tags.0.len() < TAGS_MAX {
            let tag = random();
            transaction.execute("INSERT INTO tags VALUES (?1, ?2)", params![next, tag])?;
            tags.0.push((next, tag.into()));
        }
        Ok(tags)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The stable id of a delivery.
    pub(super) fn id(&self, seq: i64) -> DeliveryId {
        let before = self.0.partition_point(|(first, _)| *first <= seq);
        let tag = self.0.get(before.saturating_sub(1));
        let tag = tag.map_or("", |(_, tag)| tag);
        DeliveryId::new(&format!("msg_{tag}_{seq}"))
    }

    /// The delivery's row behind a stable id; `None` for an id that is none of this queue's.
    pub(super) fn row(&self, id: &str) -> Option<i64> {
        let (_, digits) = id.rsplit_once('_')?;
        let row = digits.parse().ok()?;
        // What is not written as we write it, such as `+7`, is no id.
        (self.id(row).as_str() == id).then_some(row)
    }

    /// Those that there are.
    pub(super) fn read(connection: &Connection<'_>) -> Result<Self, StoreError> {
        let mut select = connection.prepare_cached("SELECT first, tag FROM tags ORDER BY first")?;
        let rows = select.query_all(params![], |row| {
            Ok((row.get(0)?, row.get::<String>(1)?.into_boxed_str()))
        })?;
        Ok(Self(rows))
    }
}

const fn next(connection: &Connection<'_>) -> &'static str {
    match connection {
        Connection::Sqlite(_) => NEXT_IN_FILE,
        Connection::Postgres(_) => NEXT_ON_SERVER,
    }
}

/// Twelve hexadecimal digits: two in a billion would have to meet for a clash to be likely.
fn random() -> String {
    let mut tag = String::new();
    write!(tag, "{:012x}", rand::rng().next_u64() >> 16).expect("a string takes all text");
    tag
}
