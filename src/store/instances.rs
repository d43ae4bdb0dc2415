//! Who works on a queue that is shared, and what each of them does.

use jiff::Timestamp;

use super::row::time;
use super::server::leases::Ask;
use super::sql::{Connection, params};
use super::{Store, StoreError};

/// An instance, as the queue knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    /// What it is called among the others, anew with each start.
    pub id: String,
    /// Whether it is this one.
    pub is_own: bool,
    /// The machine it runs on.
    pub host: String,
    /// The version of its program.
    pub version: String,
    /// A hash of its configuration.
    pub config: String,
    /// When it began, by the clock of the server.
    pub started: Timestamp,
    /// When it last said that it lives, by the same clock.
    pub seen: Timestamp,
    /// Whether that is long enough ago for others to take over.
    pub is_gone: bool,
    /// Whether its configuration is another one than ours.
    pub differs: bool,
    /// What it does.
    pub duties: Vec<String>,
}

impl Store {
    /// Says what this instance's configuration is, for others to compare. Seen by them within a second.
    pub fn describe(&self, config: &str) {
        if let Some(leases) = &self.leases {
            leases.ask(Ask::Describe(config.into()));
        }
    }

    /// The instances that work on the queue, in the order of their starts; none where it is not shared.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        let own = self
            .leases
            .as_ref()
            .map(|leases| leases.instance().to_owned());
        self.look(move |connection, _| match connection {
            Connection::Sqlite(_) => Ok(Vec::new()),
            Connection::Postgres(_) => read(connection, own.as_deref()),
        })
        .await
    }
}

pub(super) fn read(
    connection: &Connection<'_>,
    own: Option<&str>,
) -> Result<Vec<InstanceRow>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT i.id, i.host, i.version, i.config,
             CAST(extract(epoch FROM i.started) * 1000000 AS BIGINT), CAST(extract(epoch FROM i.seen) * 1000000 AS BIGINT),
             i.seen < clock_timestamp() - INTERVAL '4 seconds',
             coalesce((SELECT string_agg(l.duty, ',' ORDER BY l.duty) FROM leases l
                 WHERE l.holder = i.id AND l.until > clock_timestamp()), '')
         FROM instances i ORDER BY i.started, i.id",
    )?;
    let mut rows = select.query_all(params![], |row| {
        let id: String = row.get(0)?;
        let duties: String = row.get(7)?;
        Ok(InstanceRow {
            is_own: own == Some(id.as_str()),
            differs: false,
            id,
            host: row.get(1)?,
            version: row.get(2)?,
            config: row.get(3)?,
            started: time(row.get(4)?),
            seen: time(row.get(5)?),
            is_gone: row.get(6)?,
            duties: duties
                .split(',')
                .filter(|duty| !duty.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    })?;
    if let Some(ours) = rows
        .iter()
        .find(|row| row.is_own)
        .map(|row| row.config.clone())
    {
        for row in rows.iter_mut().filter(|row| !row.is_gone) {
            // One that has only begun has not said yet.
            row.differs = !row.config.is_empty() && !ours.is_empty() && row.config != ours;
        }
    }
    Ok(rows)
}
