//! One connection to a PostgreSQL server, as a thread uses it that does one thing after another.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};
use tokio_util::sync::CancellationToken;

use super::value::{Bound, Shape, Uses};
use super::{Reads, Result, Row, SqlError, Value};

/// How long a server may take over a transaction. One that takes longer is as good as away.
pub(in super::super) const STATEMENT_MAX: Duration = Duration::from_secs(30);

/// Statements that stay compiled.
const STATEMENTS_MAX: usize = 128;

/// A connection, and what it knows of its server.
pub(in super::super) struct Session {
    runtime: Runtime,
    client: Client,
    /// Cancelled when the connection has ended.
    ended: CancellationToken,
    statements: RefCell<HashMap<Box<str>, Statement>>,
    in_transaction: Cell<bool>,
    has_triggers: Cell<bool>,
    /// The same before the transaction.
    had_triggers: Cell<bool>,
    /// Until when the server is waited for.
    deadline: Cell<Instant>,
}

impl Session {
    /// Takes a connection over; its background work has been spawned on the runtime, and cancels `ended` when
    /// it is over.
    pub(in super::super) fn new(
        runtime: Runtime,
        client: Client,
        ended: CancellationToken,
    ) -> Self {
        Self {
            runtime,
            client,
            ended,
            statements: RefCell::default(),
            in_transaction: Cell::new(false),
            has_triggers: Cell::new(true),
            had_triggers: Cell::new(true),
            deadline: Cell::new(Instant::now() + STATEMENT_MAX),
        }
    }

    /// Waits for the server for so long from now on, in all.
    pub(in super::super) fn wait_for(&self, time: Duration) {
        self.deadline.set(Instant::now() + time);
    }

    /// Does nothing for so long, or until something has happened or the connection has ended; what the server says
    /// by itself is heard.
    pub(in super::super) fn rest(&self, time: Duration, until: impl Future<Output = ()>) {
        let over = async {
            tokio::select! {
                () = until => {}
                () = self.ended.cancelled() => {}
            }
        };
        let _ = self.runtime.block_on(async { timeout(time, over).await });
    }

    /// Whether the server can be asked for anything more.
    pub(in super::super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Carries out statements that have no values, one after another, in one go; answers the first column
    /// of the last row.
    pub(in super::super) fn batch(&self, sql: &str) -> Result<Option<String>> {
        let answers = self.within(self.client.simple_query(sql))?;
        let last = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(last.and_then(|row| row.get(0)).map(str::to_owned))
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.begin_with("").map(drop)
    }

    /// Begins a transaction by these statements; answers as [`Self::batch`] does. Where one of them fails, none
    /// has been begun: the server would take nothing more in it, and so nothing more on this connection.
    pub(in super::super) fn begin_with(&self, statements: &str) -> Result<Option<String>> {
        let begun = self.batch(&format!("BEGIN; {statements}"));
        match begun {
            Ok(_) => {
                self.in_transaction.set(true);
                self.had_triggers.set(self.has_triggers.get());
            }
            // What failed is what is told; a connection that cannot even do this has ended.
            Err(_) => drop(self.batch("ROLLBACK")),
        }
        begun
    }

    /// Commits, after these statements and in one go with them; each ends with its semicolon.
    pub(super) fn commit_with(&self, statements: &str) -> Result<()> {
        self.batch(&format!("{statements}COMMIT"))?;
        self.in_transaction.set(false);
        Ok(())
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        self.in_transaction.set(false);
        // What was set in a transaction that is taken back is as it was before.
        self.has_triggers.set(self.had_triggers.get());
        self.batch("ROLLBACK")?;
        Ok(())
    }

    pub(super) const fn is_idle(&self) -> bool {
        !self.in_transaction.get()
    }

    pub(super) fn set_triggers(&self, on: bool) -> Result<bool> {
        let before = self.has_triggers.replace(on);
        if before != on {
            let word = if on { "on" } else { "off" };
            self.batch(&format!("SET bellwire.triggers = '{word}'"))?;
        }
        Ok(before)
    }

    pub(super) fn execute(&self, sql: &str, values: &[&dyn Value]) -> Result<usize> {
        let values: Vec<Bound<'_>> = values.iter().map(|value| value.bound()).collect();
        let statement = self.compiled(sql, &values)?;
        let changed = self.within(self.client.execute_raw(&statement, &values))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Reads rows in order, until whoever reads has enough.
    pub(super) fn query_until(
        &self,
        sql: &str,
        values: &[&dyn Value],
        has_enough: Reads<'_>,
    ) -> Result<()> {
        let values: Vec<Bound<'_>> = values.iter().map(|value| value.bound()).collect();
        let statement = self.compiled(sql, &values)?;
        let mut rows = pin!(self.within(self.client.query_raw(&statement, &values))?);
        while let Some(row) = self.within(rows.try_next())? {
            if has_enough(&Row::Postgres(&row))? {
                break;
            }
        }
        Ok(())
    }

    /// Carries a statement out for each of its uses, in order; answers for each how many rows it has changed.
    pub(super) fn execute_each(&self, sql: &str, uses: &Uses<'_>) -> Result<Vec<usize>> {
        let Some(first) = uses.iter().next() else {
            return Ok(Vec::new());
        };
        let statement = self.compiled(sql, first)?;
        let asked = uses
            .iter()
            .map(|values| self.client.execute_raw(&statement, values));
        let changed = self.within(try_join_all(asked))?;
        let changed = changed
            .into_iter()
            .map(|changed| usize::try_from(changed).unwrap_or(usize::MAX));
        Ok(changed.collect())
    }

    /// The first row of each use of a statement, in order.
    pub(super) fn query_each(
        &self,
        sql: &str,
        uses: &Uses<'_>,
    ) -> Result<Vec<Option<tokio_postgres::Row>>> {
        let Some(first) = uses.iter().next() else {
            return Ok(Vec::new());
        };
        let statement = &self.compiled(sql, first)?;
        let asked = uses.iter().map(|values| async move {
            let answers = self.client.query_raw(statement, values).await?;
            let mut answers = pin!(answers);
            answers.try_next().await
        });
        self.within(try_join_all(asked))
    }

    fn compiled(&self, sql: &str, values: &[Bound<'_>]) -> Result<Statement> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let types: Vec<Type> = values.iter().copied().map(type_of).collect();
        let ours = numbered(sql);
        let statement = self.within(self.client.prepare_typed(&ours, &types))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    fn within<T>(
        &self,
        asked: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        self.wait_within(pin!(asked))
    }

    fn wait_within<T>(
        &self,
        asked: Pin<&mut dyn Future<Output = std::result::Result<T, tokio_postgres::Error>>>,
    ) -> Result<T> {
        let answered = self
            .runtime
            .block_on(async { timeout_at(self.deadline.get(), asked).await });
        Ok(answered.map_err(|_| SqlError::TooSlow)??)
    }
}

/// A statement with its values as the server numbers them.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

fn type_of(value: Bound<'_>) -> Type {
    match value {
        Bound::Int(_) | Bound::Null(Shape::Int) => Type::INT8,
        Bound::Text(_) | Bound::Null(Shape::Text) => Type::TEXT,
        Bound::Bytes(_) | Bound::Null(Shape::Bytes) => Type::BYTEA,
    }
}
