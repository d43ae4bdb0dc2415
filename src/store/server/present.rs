//! The list of the instances that work on a queue: whoever is on it says so again and again.

use super::super::StoreError;
use super::super::sql::{Connection, params};
use super::leases::{HOLDS, millis};

/// Says that an instance is there now; answers whether it is alone.
pub(super) fn arrive(connection: &Connection<'_>, instance: &str) -> Result<bool, StoreError> {
    connection.execute(
        "DELETE FROM instances WHERE seen < clock_timestamp() - INTERVAL '1 minute'",
        params![],
    )?;
    // Nobody asks for them after some seconds, by any clock.
    connection.execute(
        "DELETE FROM commits WHERE at < clock_timestamp() - INTERVAL '1 day'",
        params![],
    )?;
    let others = "SELECT count(*) FROM instances
         WHERE seen > clock_timestamp() - CAST(?1 AS BIGINT) * INTERVAL '1 millisecond'";
    let others: i64 = connection.query_row(others, params![millis(HOLDS)], |row| row.get(0))?;
    say_alive(connection, instance, "", "")?;
    Ok(others == 0)
}

/// Says that an instance lives, what its configuration is, and what it would do if that were free.
pub(super) fn say_alive(
    connection: &Connection<'_>,
    instance: &str,
    config: &str,
    wants: &str,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO instances (id, host, version, config, started, seen, wants)
         VALUES (?1, ?2, ?3, ?4, clock_timestamp(), clock_timestamp(), string_to_array(?5, ','))
         ON CONFLICT (id) DO UPDATE SET config = excluded.config, seen = excluded.seen, wants = excluded.wants",
        params![instance, host(), env!("CARGO_PKG_VERSION"), config, wants],
    )?;
    Ok(())
}

/// Takes an instance off the list.
pub(super) fn go(connection: &Connection<'_>, instance: &str) -> Result<(), StoreError> {
    for table in ["instances WHERE id", "commits WHERE instance"] {
        let delete = format!("DELETE FROM {table} = ?1");
        connection.execute(&delete, params![instance])?;
    }
    Ok(())
}

/// What this machine is called.
fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
