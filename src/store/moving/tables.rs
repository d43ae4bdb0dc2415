//! What of a queue is carried from one home to the other, and what is not.

use super::super::sql::Shape;

/// A table that is carried, row by row, as it is.
#[derive(Debug)]
pub(in super::super) struct Table {
    pub(in super::super) name: &'static str,
    /// The columns of its key, in their order.
    key: &'static str,
    /// All of its columns, by what stands in them.
    numbers: &'static str,
    texts: &'static str,
    bytes: &'static str,
    /// Whether there is nothing to lose where nothing stands in any other table.
    pub(super) is_derived: bool,
    /// Rows that are read from a server at once.
    pub(super) page: i64,
}

impl Table {
    /// Its columns.
    pub(in super::super) fn columns(&self) -> Vec<(&'static str, Shape)> {
        let numbers = names(self.numbers).map(|name| (name, Shape::Int));
        let texts = names(self.texts).map(|name| (name, Shape::Text));
        let bytes = names(self.bytes).map(|name| (name, Shape::Bytes));
        numbers.chain(texts).chain(bytes).collect()
    }

    /// Where the columns of its key are among them.
    pub(super) fn key(&self) -> Vec<usize> {
        let columns = self.columns();
        let at = |key| columns.iter().position(|(name, _)| *name == key);
        names(self.key).filter_map(at).collect()
    }
}

fn names(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(", ").filter(|name| !name.is_empty())
}

/// A table of small rows.
const SMALL: Table = Table {
    name: "",
    key: "",
    numbers: "",
    texts: "",
    bytes: "",
    is_derived: false,
    page: 512,
};

/// The tables that are carried.
pub(in super::super) const CARRIED: &[Table] = &[
    Table {
        name: "events",
        key: "seq",
        numbers: "seq, time, received, backfilled, data_start, data_end",
        texts: "source, id, kind",
        bytes: "identity, payload, about",
        // A payload may be as large as an event.
        page: 32,
        ..SMALL
    },
    Table {
        name: "deliveries",
        key: "seq",
        numbers: "seq, event, state, attempts, step, plain, created, due, ended, suppressed_count, suppressed_since, \
             behind, priority, wakes, asked, replayed_from, bundle, steps_in, instead_of",
        texts: "sink, rule, reason, key, living, fallback, fallback_key, instead",
        ..SMALL
    },
    Table {
        name: "attempts",
        key: "delivery, number",
        numbers: "delivery, number, at, duration_us, outcome, status",
        texts: "reason, answer",
        ..SMALL
    },
    Table {
        name: "sources",
        key: "name",
        numbers: "cleared, epoch, high_time",
        texts: "name, cursor, high_id",
        ..SMALL
    },
    Table {
        name: "picture",
        key: "source, key",
        texts: "source, key",
        bytes: "body",
        page: 32,
        ..SMALL
    },
    Table {
        name: "sinks",
        key: "name",
        numbers: "rest_until, deaths, told, told_at, last_dead, trouble_since, trouble_suspended",
        texts: "name, trouble_reason",
        ..SMALL
    },
    Table {
        name: "living",
        key: "sink, key",
        numbers: "changed",
        texts: "sink, key, message",
        ..SMALL
    },
    Table {
        name: "throttles",
        key: "id",
        numbers: "id, passed, suppressed_count, suppressed_since, forgotten",
        texts: "rule, sink, key",
        ..SMALL
    },
    Table {
        name: "throttle_passes",
        key: "throttle, number",
        numbers: "throttle, number, at",
        ..SMALL
    },
    Table {
        name: "bundles",
        key: "rule, sink, key",
        numbers: "delivery, closes, count, bytes",
        texts: "rule, sink, key",
        ..SMALL
    },
    Table {
        name: "watches",
        key: "name",
        numbers: "heard, told",
        texts: "name",
        ..SMALL
    },
    Table {
        name: "tags",
        key: "first",
        numbers: "first",
        texts: "tag",
        is_derived: true,
        ..SMALL
    },
    Table {
        name: "depths",
        key: "sink, state",
        numbers: "state, count",
        texts: "sink",
        is_derived: true,
        ..SMALL
    },
];

/// Those whose rows have numbers that are never used again: the table, its column, and whether a file keeps
/// the highest one that was ever used beside the rows.
pub(super) const NUMBERED: [(&str, &str, bool); 3] = [
    ("events", "seq", true),
    ("deliveries", "seq", true),
    ("throttles", "id", false),
];

/// What is about a home itself and stays there: the version of its tables, who works on it, and its moves.
#[cfg(test)]
pub(in super::super) const STAYING: [&str; 5] = ["meta", "instances", "leases", "commits", "moves"];
