//! What stands in a row.

use std::error::Error;
use std::str;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use tokio_postgres::types::{FromSql, Type};

use super::{Result, SqlError};

/// A row of an answer.
pub(in super::super) enum Row<'r> {
    /// Of a file.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of a server.
    Postgres(&'r tokio_postgres::Row),
}

/// What stands in a column of a row. A text is not known to be one: a file takes others as well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Cell<'r> {
    Null,
    Int(i64),
    Real(f64),
    Text(&'r [u8]),
    Bytes(&'r [u8]),
}

/// What can be read from a column.
pub(in super::super) trait Column: Sized {
    /// Reads it, or says what is wrong.
    fn read(cell: Cell<'_>) -> std::result::Result<Self, String>;
}

impl Row<'_> {
    /// What a column says, counted from 0.
    pub(in super::super) fn get<T: Column>(&self, column: usize) -> Result<T> {
        T::read(self.cell(column)?).map_err(|fault| {
            let column = self.name(column);
            SqlError::Column { column, fault }
        })
    }

    /// What stands in a column, whatever it is.
    pub(in super::super) fn cell(&self, column: usize) -> Result<Cell<'_>> {
        match self {
            Self::Sqlite(row) => Ok(match row.get_ref(column)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Int(number),
                ValueRef::Real(number) => Cell::Real(number),
                ValueRef::Text(text) => Cell::Text(text),
                ValueRef::Blob(bytes) => Cell::Bytes(bytes),
            }),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

impl Row<'_> {
    fn name(&self, column: usize) -> String {
        let name = match self {
            Self::Sqlite(row) => row.as_ref().column_name(column).ok(),
            Self::Postgres(row) => row.columns().get(column).map(tokio_postgres::Column::name),
        };
        name.map_or_else(|| column.to_string(), str::to_owned)
    }
}

impl<'r> FromSql<'r> for Cell<'r> {
    fn from_sql(
        of: &Type,
        raw: &'r [u8],
    ) -> std::result::Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *of {
            Type::BOOL => Self::Int(bool::from_sql(of, raw)?.into()),
            Type::INT4 => Self::Int(i32::from_sql(of, raw)?.into()),
            Type::INT8 => Self::Int(i64::from_sql(of, raw)?),
            Type::BYTEA => Self::Bytes(raw),
            _ => Self::Text(raw),
        })
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(of: &Type) -> bool {
        [Type::BOOL, Type::INT4, Type::INT8, Type::BYTEA, Type::TEXT].contains(of)
    }
}

impl Cell<'_> {
    fn is_none_of(&self, wanted: &str) -> String {
        let found = match self {
            Self::Null => "nothing",
            Self::Int(_) => "a whole number",
            Self::Real(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
        };
        format!("holds {found} where {wanted} belongs")
    }
}

impl<T: Column> Column for Option<T> {
    fn read(cell: Cell<'_>) -> std::result::Result<Self, String> {
        match cell {
            Cell::Null => Ok(None),
            cell => T::read(cell).map(Some),
        }
    }
}

impl Column for i64 {
    fn read(cell: Cell<'_>) -> std::result::Result<Self, String> {
        match cell {
            Cell::Int(number) => Ok(number),
            other => Err(other.is_none_of("a whole number")),
        }
    }
}

impl Column for bool {
    fn read(cell: Cell<'_>) -> std::result::Result<Self, String> {
        i64::read(cell).map(|number| number != 0)
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Column for $type {
            fn read(cell: Cell<'_>) -> std::result::Result<Self, String> {
                let number = i64::read(cell)?;
                Self::try_from(number).map_err(|_| format!("holds {number}, which is out of range"))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64);

impl Column for String {
    fn read(cell: Cell<'_>) -> std::result::Result<Self, String> {
        text(&cell).map(str::to_owned)
    }
}

impl Column for Arc<str> {
    fn read(cell: Cell<'_>) -> std::result::Result<Self, String> {
        text(&cell).map(Into::into)
    }
}

impl Column for Vec<u8> {
    fn read(cell: Cell<'_>) -> std::result::Result<Self, String> {
        match cell {
            Cell::Bytes(bytes) => Ok(bytes.to_vec()),
            other => Err(other.is_none_of("bytes")),
        }
    }
}

fn text<'r>(cell: &Cell<'r>) -> std::result::Result<&'r str, String> {
    match cell {
        Cell::Text(text) => {
            str::from_utf8(text).map_err(|_| "holds a text that is not UTF-8".to_owned())
        }
        other => Err(other.is_none_of("a text")),
    }
}
