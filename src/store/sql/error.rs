//! Why a statement has not been carried out, told apart by what whoever asked has to know.

/// What a statement says, or why it says nothing.
pub(in super::super) type Result<T> = std::result::Result<T, SqlError>;

/// Why a statement has not been carried out, or its answer not been read.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// What stands in a column is not what belongs there.
    #[error("`{column}` {fault}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Some column of a row has not its type.
    #[error("a column has not its type")]
    Unsound,
    /// There is no row where there has to be one.
    #[error("a row is missing")]
    NoRow,
    /// What SQLite says.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// What PostgreSQL says, or its client.
    #[error("{}", said(_0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The server does not answer.
    #[error("the server does not answer")]
    TooSlow,
}

/// What a server says, by the beginning of its codes, where it ends connections, cannot take any, or is one
/// that cannot be written any more: another one has taken its place.
const OF_CONNECTION: [&str; 6] = ["08", "57P0", "53300", "25006", "25P03", "57014"];

impl SqlError {
    /// What stands in a column is not what belongs there.
    pub(in super::super) fn column(column: usize, fault: impl std::fmt::Display) -> Self {
        let (column, fault) = (column.to_string(), fault.to_string());
        Self::Column { column, fault }
    }

    /// What SQLite says, if it does.
    pub(in super::super) const fn sqlite(&self) -> Option<&rusqlite::Error> {
        match self {
            Self::Sqlite(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the connection has ended, or could not come about, and another one may do.
    pub(in super::super) fn is_of_connection(&self) -> bool {
        let error = match self {
            Self::Postgres(error) => error,
            Self::TooSlow => return true,
            _ => return false,
        };
        match error.code() {
            Some(code) => OF_CONNECTION
                .iter()
                .any(|class| code.code().starts_with(class)),
            None => {
                error.is_closed() || {
                    let cause = std::error::Error::source(error);
                    cause.is_some_and(|cause| cause.is::<std::io::Error>())
                }
            }
        }
    }

    /// The same as its code.
    pub(in super::super) fn sqlite_code(&self) -> Option<rusqlite::ErrorCode> {
        self.sqlite()?.sqlite_error_code()
    }
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::NoRow,
            other => Self::Sqlite(other),
        }
    }
}

/// What a server says of an error, with its detail.
pub(in super::super) fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(told) => format!("{} ({})", told.message(), told.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
