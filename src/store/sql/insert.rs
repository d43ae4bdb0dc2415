//! Putting many rows into a table.
//!
//! A file of its own because a statement costs a file more to begin and to end than to carry out, so that many
//! rows go in at once there, while a server is sent one statement for each and all of them at once.

use std::sync::OnceLock;

use rusqlite::ErrorCode;

use super::{Bound, Connection, Result};

/// So many rows go into one statement, as long as there are as many left.
const SIZES: [usize; 3] = [32, 8, 1];

/// How rows are put into a table, each with so many values.
pub(in super::super) struct Insert<const N: usize> {
    /// The table and its columns, in the order of the values.
    into: &'static str,
    /// What becomes of a row that is there already.
    otherwise: &'static str,
    /// The statements for each of [`SIZES`].
    statements: [OnceLock<String>; SIZES.len()],
}

impl<const N: usize> Insert<N> {
    pub(in super::super) const fn new(into: &'static str, otherwise: &'static str) -> Self {
        Self {
            into,
            otherwise,
            statements: [const { OnceLock::new() }; SIZES.len()],
        }
    }

    /// The statement for a row alone.
    fn for_one(&self) -> &str {
        self.statement(SIZES.len() - 1)
    }

    /// The statement for the size at this place. One for several rows says nothing of a row that is there already,
    /// and puts none in then.
    fn statement(&self, place: usize) -> &str {
        self.statements[place].get_or_init(|| {
            let row = |row: usize| {
                let values = (1..=N).map(|value| format!("?{}", row * N + value));
                format!("({})", values.collect::<Vec<_>>().join(", "))
            };
            let rows = (0..SIZES[place]).map(row).collect::<Vec<_>>().join(", ");
            let otherwise = if SIZES[place] == 1 {
                self.otherwise
            } else {
                ""
            };
            format!("INSERT INTO {} VALUES {rows} {otherwise}", self.into)
        })
    }
}

impl Connection<'_> {
    /// Puts rows into a table, in order.
    pub(in super::super) fn put_each<'v, const N: usize>(
        &self,
        insert: &Insert<N>,
        rows: impl IntoIterator<Item = [Bound<'v>; N]>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(file) => many_at_once(file, insert, rows).map(drop),
            Self::Postgres(_) => self.execute_each(insert.for_one(), rows).map(drop),
        }
    }

    /// The same for a table whose numbers the home gives out in the column `number`; answers the number of each
    /// row, or `None` where the statement has left it out.
    pub(in super::super) fn insert_each<'v, const N: usize>(
        &self,
        insert: &Insert<N>,
        number: &str,
        rows: impl IntoIterator<Item = [Bound<'v>; N]>,
    ) -> Result<Vec<Option<i64>>> {
        match self {
            Self::Sqlite(file) => many_at_once(file, insert, rows),
            Self::Postgres(_) => {
                let sql = format!("{} RETURNING {number}", insert.for_one());
                self.query_each(&sql, rows, |row| row.get(0))
            }
        }
    }
}

/// Puts rows into a table of a file; answers their numbers, which mean nothing where the table has none.
fn many_at_once<'v, const N: usize>(
    file: &rusqlite::Connection,
    insert: &Insert<N>,
    rows: impl IntoIterator<Item = [Bound<'v>; N]>,
) -> Result<Vec<Option<i64>>> {
    let mut rows = rows.into_iter();
    let mut numbers = Vec::with_capacity(rows.size_hint().0);
    let mut some = Vec::new();
    loop {
        some.clear();
        some.extend(rows.by_ref().take(SIZES[0]));
        let mut rest = &some[..];
        for (place, size) in SIZES.into_iter().enumerate() {
            let (these, others) = rest.split_at(rest.len() - rest.len() % size);
            put(file, insert, place, these, &mut numbers)?;
            rest = others;
        }
        if some.len() < SIZES[0] {
            return Ok(numbers);
        }
    }
}

/// Puts rows in, as many at once as the size at this place says. Where one of those is there already, none of them
/// has been, and each goes by itself.
fn put<const N: usize>(
    file: &rusqlite::Connection,
    insert: &Insert<N>,
    place: usize,
    rows: &[[Bound<'_>; N]],
    numbers: &mut Vec<Option<i64>>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut statement = file.prepare_cached(insert.statement(place))?;
    for these in rows.chunks(SIZES[place]) {
        match statement.execute(rusqlite::params_from_iter(these.as_flattened())) {
            Ok(0) => numbers.push(None),
            Ok(count) => {
                // Those of one statement follow one another.
                let last = file.last_insert_rowid();
                let before = last - i64::try_from(count).unwrap_or_default();
                numbers.extend((before + 1..=last).map(Some));
            }
            Err(error)
                if these.len() > 1
                    && error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) =>
            {
                put(file, insert, SIZES.len() - 1, these, numbers)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
