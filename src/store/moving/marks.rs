//! What a home says of the moves that it has seen, and who is refused for it.
//!
//! A file of its own because whoever opens a queue asks it, and not only who moves one.

use jiff::Timestamp;

use super::super::StoreError;
use super::super::row::{micros, time};
use super::super::sql::{self, Connection, SqlError, params};

/// How many moves close a home, for whoever has to ask often.
pub(in super::super) const CLOSED: &str = "SELECT count(*) FROM moves WHERE state <> 'arrived'";

/// How far a move has come, as this home knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// It is to come here, and has not.
    Arriving,
    /// It has come here.
    Arrived,
    /// It is to go, and may have.
    Leaving,
    /// It has gone.
    Left,
}

impl Reached {
    const ALL: [Self; 4] = [Self::Arriving, Self::Arrived, Self::Leaving, Self::Left];

    const fn word(self) -> &'static str {
        match self {
            Self::Arriving => "arriving",
            Self::Arrived => "arrived",
            Self::Leaving => "leaving",
            Self::Left => "left",
        }
    }
}

/// One move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: String,
    pub(super) reached: Reached,
    /// The other home, for people.
    pub(super) other: String,
    pub(super) at: Timestamp,
}

/// Those of a home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(Vec<Mark>);

impl Marks {
    pub(super) fn read(connection: &Connection<'_>) -> sql::Result<Self> {
        let mut select =
            connection.prepare_cached("SELECT id, state, other, at FROM moves ORDER BY id")?;
        let rows = select.query_all(params![], |row| {
            let state: String = row.get(1)?;
            let reached = Reached::ALL.into_iter().find(|it| it.word() == state);
            Ok(Mark {
                id: row.get(0)?,
                reached: reached.ok_or_else(|| {
                    SqlError::column(1, format!("is `{state}`, which is unknown"))
                })?,
                other: row.get(2)?,
                at: time(row.get(3)?),
            })
        })?;
        Ok(Self(rows))
    }

    /// The move that has come so far; there is one at most, but for those that have arrived.
    pub(super) fn at(&self, reached: Reached) -> Option<&Mark> {
        self.0.iter().find(|mark| mark.reached == reached)
    }

    /// Whether this move has come so far.
    pub(super) fn has(&self, id: &str, reached: Reached) -> bool {
        let mut all = self.0.iter();
        all.any(|mark| mark.id == id && mark.reached == reached)
    }

    /// The move for which nobody may work here. One that is under way is told first: the other one is history.
    pub(super) fn closing(&self) -> Option<&Mark> {
        self.at(Reached::Arriving)
            .or(self.at(Reached::Leaving))
            .or(self.at(Reached::Left))
    }
}

/// Refuses a home that is closed.
pub(in super::super) fn refuse(
    connection: &Connection<'_>,
    here: impl FnOnce() -> String,
) -> Result<(), StoreError> {
    match Marks::read(connection)?.closing() {
        Some(mark) => Err(mark.refusal(connection, &here())),
        None => Ok(()),
    }
}

impl Mark {
    /// What is told whoever wants to work here.
    pub(super) fn refusal(&self, connection: &Connection<'_>, here: &str) -> StoreError {
        let (there, at) = (&self.other, self.at);
        let is_folder = matches!(connection, Connection::Sqlite(_));
        let word = |to_folder: bool| if to_folder { "sqlite" } else { "postgresql" };
        let under_way = |from: &str, to: &str, to_folder: bool| {
            format!(
                "the queue is being moved from {from} to {to} since {at}; where nobody is at it any more, \
                 `bellwire queue move --to {}` finishes it, and the same with `--cancel` takes it back",
                word(to_folder)
            )
        };
        let detail = match self.reached {
            Reached::Arriving => under_way(there, here, is_folder),
            Reached::Leaving => under_way(here, there, !is_folder),
            Reached::Arrived | Reached::Left => {
                let use_it = match is_folder {
                    true => "name that server in `[store]` of the configuration",
                    false => "remove `[store]` from the configuration, so that `data_dir` is used",
                };
                format!(
                    "the queue was moved from {here} to {there} at {at}; {use_it}, or bring it back with \
                     `bellwire queue move --to {}`",
                    word(is_folder)
                )
            }
        };
        StoreError::Moved { detail }
    }
}

/// Says that a move begins, or how far it has come.
pub(super) fn set(connection: &Connection<'_>, mark: &Mark) -> sql::Result<()> {
    connection.execute(
        "INSERT INTO moves (id, state, other, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at",
        params![mark.id, mark.reached.word(), mark.other, micros(mark.at)],
    )?;
    Ok(())
}

/// Forgets all that have come so far and no farther.
pub(super) fn forget(connection: &Connection<'_>, reached: Reached) -> sql::Result<()> {
    let delete = "DELETE FROM moves WHERE state = ?1";
    connection.execute(delete, params![reached.word()])?;
    Ok(())
}

/// Forgets a move that has not arrived.
pub(super) fn take_back(connection: &Connection<'_>, id: &str) -> sql::Result<()> {
    let delete = "DELETE FROM moves WHERE id = ?1 AND state IN ('arriving', 'leaving')";
    connection.execute(delete, params![id])?;
    Ok(())
}
