//! SQL as this room speaks it, the same to a file and to a server.
//!
//! A part of its own so that every question and every change is written once, whatever home the queue
//! has. A statement is what both understand; where they do not spell a thing alike, the difference is in
//! here. Values have four shapes: nothing, a whole number, a text and bytes.

mod cell;
mod error;
mod insert;
mod session;
mod value;

use rusqlite::CachedStatement;
use rusqlite::config::DbConfig;

use super::StoreError;

pub(super) use cell::{Cell, Row};
pub use error::SqlError;
pub(super) use error::{Result, said};
pub(super) use insert::Insert;
pub(super) use session::{STATEMENT_MAX, Session};
pub(super) use value::{Bound, Shape, Value};

/// The values of a statement, in the order of their numbers.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::store::sql::Value),*] as &[&dyn $crate::store::sql::Value]
    };
}
pub(super) use params;

/// What reads rows, and says after each whether it has enough. Behind a pointer, so that what it takes to get
/// rows is in the program once and not once for each of its many uses.
type Reads<'r> = &'r mut dyn FnMut(&Row<'_>) -> Result<bool>;

/// A connection to the home of the queue.
pub(super) enum Connection<'c> {
    /// To a file.
    Sqlite(&'c rusqlite::Connection),
    /// To a server.
    Postgres(&'c Session),
}

impl Connection<'_> {
    /// A statement, which is compiled once for all its uses.
    pub(super) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match self {
            Self::Sqlite(file) => Ok(Statement::Sqlite(file.prepare_cached(sql)?)),
            Self::Postgres(session) => Ok(Statement::Postgres(session, sql.into())),
        }
    }

    /// Carries a statement out; answers how many rows it has changed.
    pub(super) fn execute(&self, sql: &str, values: &[&dyn Value]) -> Result<usize> {
        self.prepare_cached(sql)?.execute(values)
    }

    /// Reads the first row of an answer, of which there has to be one.
    pub(super) fn query_row<T>(
        &self,
        sql: &str,
        values: &[&dyn Value],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare_cached(sql)?.query_row(values, read)
    }

    /// Reads the first row of an answer, if there is one.
    pub(super) fn query_optional<T>(
        &self,
        sql: &str,
        values: &[&dyn Value],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.prepare_cached(sql)?.query_optional(values, read)
    }

    /// Puts a row into a table whose numbers the home gives out in the column `number`; answers the number,
    /// or `None` where the statement has left the row out.
    pub(super) fn insert(
        &self,
        sql: &str,
        number: &str,
        values: &[&dyn Value],
    ) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(file) => {
                let changed = self.prepare_cached(sql)?.execute(values)?;
                Ok((changed > 0).then(|| file.last_insert_rowid()))
            }
            Self::Postgres(_) => {
                let sql = format!("{sql} RETURNING {number}");
                self.query_optional(&sql, values, |row| row.get(0))
            }
        }
    }

    /// Carries a statement out for each of these rows of values, in order; answers for each how many rows it
    /// has changed. A server is sent all of them at once.
    pub(super) fn execute_each<'v, V: AsRef<[Bound<'v>]>>(
        &self,
        sql: &str,
        rows: impl IntoIterator<Item = V>,
    ) -> Result<Vec<usize>> {
        match self {
            Self::Sqlite(file) => {
                let mut statement = file.prepare_cached(sql)?;
                let mut execute = |row: V| changed_by(&mut statement, row.as_ref());
                rows.into_iter().map(&mut execute).collect()
            }
            Self::Postgres(session) => session.execute_each(sql, &rows.into_iter().collect()),
        }
    }

    /// Reads the first row of an answer, if there is one, for each of these rows of values, in order.
    pub(super) fn query_each<'v, T, V: AsRef<[Bound<'v>]>>(
        &self,
        sql: &str,
        rows: impl IntoIterator<Item = V>,
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Option<T>>> {
        match self {
            Self::Sqlite(file) => {
                let mut statement = file.prepare_cached(sql)?;
                let mut first = |row: V| {
                    let mut found = None;
                    first_of(&mut statement, row.as_ref(), &mut |row| {
                        found = Some(read(row)?);
                        Ok(())
                    })?;
                    Ok(found)
                };
                rows.into_iter().map(&mut first).collect()
            }
            Self::Postgres(session) => {
                let found = session.query_each(sql, &rows.into_iter().collect())?;
                let mut read = |row: tokio_postgres::Row| read(&Row::Postgres(&row));
                let each = found.into_iter();
                each.map(|row| row.map(&mut read).transpose()).collect()
            }
        }
    }

    /// Begins a transaction, which is taken back where nobody commits it.
    pub(super) fn transaction(&self) -> Result<Transaction<'_>> {
        match self {
            Self::Sqlite(_) => drop(self.execute("BEGIN", params![])?),
            Self::Postgres(session) => session.begin()?,
        }
        Ok(Transaction::begun(self))
    }

    /// Has the triggers do their work, or leaves it to whoever changes something. Answers how it was.
    pub(super) fn set_triggers(&self, on: bool) -> Result<bool> {
        match self {
            Self::Sqlite(file) => {
                let triggers = DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
                let before = file.db_config(triggers)?;
                file.set_db_config(triggers, on)?;
                Ok(before)
            }
            Self::Postgres(session) => session.set_triggers(on),
        }
    }

    /// Does something rare that may change the state of deliveries, and has the triggers follow it.
    pub(super) fn with_triggers<T>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, StoreError>,
    ) -> std::result::Result<T, StoreError> {
        let before = self.set_triggers(true)?;
        let done = work();
        // What the work says comes first: after a failure a server takes nothing more in a transaction.
        let back = self.set_triggers(before);
        let done = done?;
        back?;
        Ok(done)
    }

    /// Whether no transaction is open.
    fn is_idle(&self) -> bool {
        match self {
            Self::Sqlite(file) => file.is_autocommit(),
            Self::Postgres(session) => session.is_idle(),
        }
    }
}

/// A statement with a place for each of its values.
pub(super) enum Statement<'c> {
    Sqlite(CachedStatement<'c>),
    Postgres(&'c Session, Box<str>),
}

impl Statement<'_> {
    /// Carries it out; answers how many rows it has changed.
    pub(super) fn execute(&mut self, values: &[&dyn Value]) -> Result<usize> {
        match self {
            Self::Sqlite(statement) => Ok(statement.execute(bound(values))?),
            Self::Postgres(session, sql) => session.execute(sql, values),
        }
    }

    /// Reads the first row, if there is one.
    pub(super) fn query_optional<T>(
        &mut self,
        values: &[&dyn Value],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let (mut read, mut found) = (Some(read), None);
        self.query_until(values, |row| {
            found = read.take().map(|read| read(row)).transpose()?;
            Ok(true)
        })?;
        Ok(found)
    }

    /// Reads the first row, of which there has to be one.
    pub(super) fn query_row<T>(
        &mut self,
        values: &[&dyn Value],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query_optional(values, read)?.ok_or(SqlError::NoRow)
    }

    /// Reads every row, in order.
    pub(super) fn query_all<T>(
        &mut self,
        values: &[&dyn Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.query_until(values, |row| {
            all.push(read(row)?);
            Ok(false)
        })?;
        Ok(all)
    }

    /// Reads rows in order, until whoever reads has enough.
    pub(super) fn query_until(
        &mut self,
        values: &[&dyn Value],
        mut has_enough: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        self.read(values, &mut has_enough)
    }

    fn read(&mut self, values: &[&dyn Value], has_enough: Reads<'_>) -> Result<()> {
        match self {
            Self::Sqlite(statement) => {
                let mut rows = statement.query(bound(values))?;
                while let Some(row) = rows.next()? {
                    if has_enough(&Row::Sqlite(row))? {
                        break;
                    }
                }
                Ok(())
            }
            Self::Postgres(session, sql) => session.query_until(sql, values, has_enough),
        }
    }
}

impl<'c> Transaction<'c> {
    /// One that has been begun already.
    pub(super) const fn begun(connection: &'c Connection<'c>) -> Self {
        Self {
            connection,
            has_ended: false,
        }
    }
}

/// What is not kept where it is dropped before it is committed.
pub(super) struct Transaction<'c> {
    connection: &'c Connection<'c>,
    has_ended: bool,
}

impl Transaction<'_> {
    /// Makes all of it durable, or none.
    pub(super) fn commit(self) -> Result<()> {
        self.commit_with("")
    }

    /// The same, and a server carries out these statements first, which have no values and each its semicolon.
    pub(super) fn commit_with(mut self, statements: &str) -> Result<()> {
        // What cannot be committed is open still, and is taken back.
        match self.connection {
            Connection::Sqlite(_) => drop(self.connection.execute("COMMIT", params![])?),
            Connection::Postgres(session) => session.commit_with(statements)?,
        }
        self.has_ended = true;
        Ok(())
    }
}

impl<'c> std::ops::Deref for Transaction<'c> {
    type Target = Connection<'c>;

    fn deref(&self) -> &Connection<'c> {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.has_ended && !self.connection.is_idle() {
            let _ = match self.connection {
                Connection::Sqlite(_) => self.connection.execute("ROLLBACK", params![]).map(drop),
                Connection::Postgres(session) => session.roll_back(),
            };
        }
    }
}

fn changed_by(statement: &mut CachedStatement<'_>, row: &[Bound<'_>]) -> Result<usize> {
    Ok(statement.execute(rusqlite::params_from_iter(row))?)
}

fn first_of(
    statement: &mut CachedStatement<'_>,
    row: &[Bound<'_>],
    read: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut rows = statement.query(rusqlite::params_from_iter(row))?;
    rows.next()?.map_or(Ok(()), |row| read(&Row::Sqlite(row)))
}

fn bound<'v>(values: &'v [&'v dyn Value]) -> impl rusqlite::Params + 'v {
    rusqlite::params_from_iter(values.iter().map(|value| value.bound()))
}
