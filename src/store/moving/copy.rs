//! Carrying rows from one home to the other, in one transaction of the one that they come to.

use tokio_util::sync::CancellationToken;

use super::super::StoreError;
use super::super::sql::{self, Bound, Cell, Connection, Row, Shape, SqlError, Value, params};
use super::end::End;
use super::marks::{self, Mark, Reached};
use super::tables::{CARRIED, NUMBERED, Table};
use super::{MoveError, Moved};

/// Rows that are written at once, and bytes in them from which on they are fewer.
const ROWS_MAX: usize = 512;
const BYTES_MAX: usize = 1 << 20;

/// Carries all of it; answers what has come.
pub(super) fn copy(
    (from, to): (&End, &End),
    arriving: &Mark,
    stop: &CancellationToken,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Moved, MoveError> {
    let (reading, writing) = (from.connection(), to.connection());
    let moment = from.begin_to_read(&reading)?;
    let transaction = to.begin(&writing)?;
    if !marks::Marks::read(&transaction)?.has(&arriving.id, Reached::Arriving) {
        return Err(taken_back(from));
    }
    let all = CARRIED.iter().map(|table| count(&moment, table.name));
    let all = all.sum::<sql::Result<usize>>()?;
    erase(&transaction)?;
    let mut carrier = Carrier {
        homes: (from, to),
        into: &transaction,
        stop,
        told,
        done: 0,
        all,
    };
    for table in CARRIED {
        carrier.carry(&moment, table)?;
    }
    if carrier.done != all {
        let done = carrier.done;
        return Err(MoveError::Miscounted { done, all });
    }
    for numbered in NUMBERED {
        let given = next(&moment, numbered)?.max(next(&transaction, numbered)?);
        set_next(&transaction, numbered, given)?;
    }
    let moved = Moved {
        was_there: false,
        ..found(to, &transaction)?
    };
    marks::forget(&transaction, Reached::Left)?;
    let arrived = Mark {
        reached: Reached::Arrived,
        ..arriving.clone()
    };
    marks::set(&transaction, &arrived)?;
    to.wait();
    transaction.commit()?;
    Ok(moved)
}

/// What is in a home to which an earlier move has come.
pub(super) fn arrived(home: &End) -> Result<Moved, StoreError> {
    home.wait();
    found(home, &home.connection())
}

fn found(home: &End, connection: &Connection<'_>) -> Result<Moved, StoreError> {
    let waiting = "SELECT count(*) FROM deliveries WHERE state <= 1";
    Ok(Moved {
        home: home.shown.clone(),
        deliveries: count(connection, "deliveries")?,
        waiting: connection.query_row(waiting, params![], |row| row.get(0))?,
        was_there: true,
    })
}

fn taken_back(from: &End) -> MoveError {
    MoveError::TakenBack {
        home: from.shown.clone(),
    }
}

/// What carries rows.
struct Carrier<'c> {
    homes: (&'c End, &'c End),
    into: &'c Connection<'c>,
    stop: &'c CancellationToken,
    told: &'c mut dyn FnMut(usize, usize),
    done: usize,
    all: usize,
}

impl Carrier<'_> {
    /// Carries a table. A file is read in one go, while a server would send all of that at once.
    fn carry(&mut self, moment: &Connection<'_>, table: &Table) -> Result<(), MoveError> {
        let columns = table.columns();
        let keys = table.key();
        let page = match moment {
            Connection::Sqlite(_) => i64::MAX,
            Connection::Postgres(_) => table.page,
        };
        let insert = insert(table);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut last: Option<Vec<Kept>> = None;
        loop {
            let (mut read, mut failed) = (0, None);
            let mut values: Vec<&dyn Value> = vec![&page];
            values.extend(last.iter().flatten().map(|kept| kept as &dyn Value));
            self.homes.0.wait();
            let mut select = moment.prepare_cached(&select(table, last.is_some()))?;
            let mut newest = None;
            select.query_until(&values, |row| {
                let row = kept(row, &columns)?;
                read += 1;
                bytes += row.iter().map(Kept::len).sum::<usize>();
                newest = Some(keys.iter().map(|at| row[*at].clone()).collect());
                rows.push(row);
                if rows.len() >= ROWS_MAX || bytes >= BYTES_MAX {
                    bytes = 0;
                    failed = self.write(&insert, &mut rows).err();
                }
                Ok(failed.is_some())
            })?;
            if let Some(failed) = failed {
                return Err(failed);
            }
            last = newest;
            if read < page {
                break;
            }
        }
        self.write(&insert, &mut rows)
    }

    /// Writes rows, and forgets them.
    fn write(&mut self, insert: &str, rows: &mut Vec<Vec<Kept>>) -> Result<(), MoveError> {
        if self.stop.is_cancelled() {
            return Err(taken_back(self.homes.0));
        }
        self.homes.1.wait();
        let values = rows
            .iter()
            .map(|row| row.iter().map(Value::bound).collect::<Vec<Bound<'_>>>());
        self.into.execute_each(insert, values)?;
        self.done += rows.len();
        rows.clear();
        (self.told)(self.done, self.all);
        Ok(())
    }
}

/// What stands in a column, for as long as it takes to write it.
#[derive(Clone, Debug)]
enum Kept {
    Nothing(Shape),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Kept {
    const fn len(&self) -> usize {
        match self {
            Self::Nothing(_) | Self::Int(_) => size_of::<Self>(),
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl Value for Kept {
    fn bound(&self) -> Bound<'_> {
        match self {
            Self::Nothing(shape) => Bound::Null(*shape),
            Self::Int(number) => Bound::Int(*number),
            Self::Text(text) => Bound::Text(text),
            Self::Bytes(bytes) => Bound::Bytes(bytes),
        }
    }
}

/// Reads a row. What is no text in a column of texts becomes one, as far as it goes: a row that nobody can read
/// is to hold up no other here either.
fn kept(row: &Row<'_>, columns: &[(&str, Shape)]) -> sql::Result<Vec<Kept>> {
    let one = |(at, (name, shape)): (usize, &(&str, Shape))| {
        Ok(match (row.cell(at)?, shape) {
            (Cell::Null, shape) => Kept::Nothing(*shape),
            (Cell::Int(number), Shape::Int) => Kept::Int(number),
            (Cell::Text(text) | Cell::Bytes(text), Shape::Text) => {
                Kept::Text(String::from_utf8_lossy(text).into_owned())
            }
            (Cell::Int(number), Shape::Text) => Kept::Text(number.to_string()),
            (Cell::Bytes(bytes) | Cell::Text(bytes), Shape::Bytes) => Kept::Bytes(bytes.to_vec()),
            (found, _) => {
                let column = (*name).to_owned();
                let fault = format!("holds {found:?}, which cannot be carried");
                return Err(SqlError::Column { column, fault });
            }
        })
    };
    columns.iter().enumerate().map(one).collect()
}

/// The statement that reads a page of a table, or the one behind a key.
fn select(table: &Table, is_behind: bool) -> String {
    let columns = table.columns();
    let name = |at: &usize| columns[*at].0;
    let names: Vec<&str> = (0..columns.len()).map(|at| name(&at)).collect();
    let keys: Vec<&str> = table.key().iter().map(name).collect();
    let numbers: Vec<String> = (2..keys.len() + 2).map(|n| format!("?{n}")).collect();
    let (names, keys) = (names.join(", "), keys.join(", "));
    let behind = match is_behind {
        true => format!(" WHERE ({keys}) > ({})", numbers.join(", ")),
        false => String::new(),
    };
    let table = table.name;
    format!("SELECT {names} FROM {table}{behind} ORDER BY {keys} LIMIT ?1")
}

fn insert(table: &Table) -> String {
    let columns = table.columns();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let numbers: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    let (names, numbers) = (names.join(", "), numbers.join(", "));
    format!("INSERT INTO {} ({names}) VALUES ({numbers})", table.name)
}

/// Removes what was in a home before.
fn erase(connection: &Connection<'_>) -> Result<(), StoreError> {
    for table in CARRIED {
        let erase = match connection {
            Connection::Sqlite(_) => format!("DELETE FROM {}", table.name),
            Connection::Postgres(_) => format!("TRUNCATE {}", table.name),
        };
        connection.execute(&erase, params![])?;
    }
    Ok(())
}

/// What there is in a home that a move would replace, for people; `None` where there is nothing.
pub(super) fn contents(connection: &Connection<'_>) -> Result<Option<String>, StoreError> {
    let mut found = Vec::new();
    for table in CARRIED.iter().filter(|table| !table.is_derived) {
        let count = count(connection, table.name)?;
        if count > 0 {
            found.push(format!("{}: {count}", table.name));
        }
    }
    Ok((!found.is_empty()).then(|| found.join(", ")))
}

fn count(connection: &Connection<'_>, table: &str) -> sql::Result<usize> {
    let count = format!("SELECT count(*) FROM {table}");
    let count = connection.query_row(&count, params![], |row| row.get::<u64>(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// The number that the next row of a table gets. What was removed had one, too.
fn next(
    connection: &Connection<'_>,
    (table, column, _): (&str, &str, bool),
) -> Result<i64, StoreError> {
    let given = match connection {
        Connection::Sqlite(_) => {
            format!("1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)")
        }
        Connection::Postgres(_) => format!(
            "(SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM {table}_{column}_seq)"
        ),
    };
    let next = format!("SELECT max(1 + coalesce((SELECT max({column}) FROM {table}), 0), {given})");
    Ok(connection.query_row(&next, params![], |row| row.get(0))?)
}

fn set_next(
    connection: &Connection<'_>,
    (table, column, is_kept): (&str, &str, bool),
    next: i64,
) -> Result<(), StoreError> {
    match connection {
        Connection::Sqlite(_) if is_kept => {
            let delete = "DELETE FROM sqlite_sequence WHERE name = ?1";
            connection.execute(delete, params![table])?;
            let insert = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
            connection.execute(insert, params![table, next - 1])?;
        }
        Connection::Sqlite(_) => {}
        Connection::Postgres(_) => {
            let set = "SELECT setval(CAST(CAST(?1 AS TEXT) AS regclass), ?2, false)";
            let sequence = format!("{table}_{column}_seq");
            connection.query_row(set, params![sequence, next], |row| row.get::<i64>(0))?;
        }
    }
    Ok(())
}
