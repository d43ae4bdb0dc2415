//! What is put into a statement.

use std::error::Error;
use std::sync::Arc;

use bytes::BytesMut;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use tokio_postgres::types::{self as postgres, IsNull, Type, to_sql_checked};

/// A value as a statement takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Bound<'a> {
    /// Nothing, where one of these would stand.
    Null(Shape),
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// What a value would be if it were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Shape {
    Int,
    Text,
    Bytes,
}

/// What can be put into a statement.
pub(in super::super) trait Value {
    /// As the statement takes it.
    fn bound(&self) -> Bound<'_>;
}

/// The values of several uses of one statement, use after use.
pub(super) struct Uses<'v> {
    width: usize,
    values: Vec<Bound<'v>>,
}

impl<'v> Uses<'v> {
    /// The values of each use, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Bound<'v>]> {
        self.values.chunks_exact(self.width.max(1))
    }
}

impl<'v, V: AsRef<[Bound<'v>]>> FromIterator<V> for Uses<'v> {
    fn from_iter<I: IntoIterator<Item = V>>(uses: I) -> Self {
        let mut all = Self {
            width: 0,
            values: Vec::new(),
        };
        for one in uses {
            all.width = one.as_ref().len();
            all.values.extend_from_slice(one.as_ref());
        }
        all
    }
}

/// What a type is where there is a value.
pub(in super::super) trait Shaped {
    /// Its shape.
    const SHAPE: Shape;
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null(_) => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl postgres::ToSql for Bound<'_> {
    fn to_sql(
        &self,
        wanted: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Self::Null(_) => Ok(IsNull::Yes),
            Self::Int(number) => postgres::ToSql::to_sql(&number, wanted, out),
            // The one character that a text may not have there.
            Self::Text(text) => match text.contains('\0') {
                true => postgres::ToSql::to_sql(&text.replace('\0', "\u{fffd}"), wanted, out),
                false => postgres::ToSql::to_sql(&text, wanted, out),
            },
            Self::Bytes(bytes) => postgres::ToSql::to_sql(&bytes, wanted, out),
        }
    }

    /// Whoever prepares a statement says which types its values have.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> Bound<'a> {
    /// What may be there or not.
    pub(in super::super) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null(Shape::Text), Self::Text)
    }

    pub(in super::super) fn int(number: Option<i64>) -> Self {
        number.map_or(Self::Null(Shape::Int), Self::Int)
    }

    pub(in super::super) fn bytes(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Self::Null(Shape::Bytes), Self::Bytes)
    }
}

impl Value for Bound<'_> {
    fn bound(&self) -> Bound<'_> {
        *self
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn bound(&self) -> Bound<'_> {
        (**self).bound()
    }
}

impl<T: Shaped + ?Sized> Shaped for &T {
    const SHAPE: Shape = T::SHAPE;
}

impl<T: Value + Shaped> Value for Option<T> {
    fn bound(&self) -> Bound<'_> {
        self.as_ref().map_or(Bound::Null(T::SHAPE), Value::bound)
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn bound(&self) -> Bound<'_> {
                Bound::Int(i64::from(*self))
            }
        }

        impl Shaped for $type {
            const SHAPE: Shape = Shape::Int;
        }
    )*};
}

integers!(bool, u8, u16, u32, i32, i64);

macro_rules! borrowed {
    ($($type:ty => $shape:ident),*) => {$(
        impl Value for $type {
            fn bound(&self) -> Bound<'_> {
                Bound::$shape(self)
            }
        }

        impl Shaped for $type {
            const SHAPE: Shape = Shape::$shape;
        }
    )*};
}

borrowed!(str => Text, String => Text, Arc<str> => Text, [u8] => Bytes, Vec<u8> => Bytes);
