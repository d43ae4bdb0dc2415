//! A queue on its way between its two homes.

mod broken_off;
mod carried;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::store::moving::ends;
use crate::store::moving::steps::{Begun, Move};
use crate::store::moving::tables::{CARRIED, Table};
use crate::store::sql::{Cell, Connection, Session};
use crate::store::{MoveError, Moved, Way, carry};

/// A life in which every table has something: 5000 deliveries in every state there is.
const LIFE: &str = "
    PRAGMA foreign_keys = off;
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
    INSERT INTO events (seq, source, id, kind, time, received, backfilled, identity, data_start, data_end, payload, about)
        SELECT n * 2, 'ttmt', 'e' || n, 'tp_hit', iif(n % 3, n * 1000, NULL), n * 1000, n % 2,
            iif(n % 5, CAST('i' || n AS BLOB), NULL), iif(n % 4, 0, NULL), iif(n % 4, 7, NULL), randomblob(1 + n % 700),
            iif(n % 9, NULL, x'7b7d') FROM n;
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
    INSERT INTO deliveries (seq, event, sink, rule, state, attempts, step, plain, created, due, ended, reason,
            suppressed_count, suppressed_since, key, priority, wakes, asked, replayed_from, living, bundle, fallback,
            fallback_key, steps_in, instead_of, instead)
        SELECT n * 3, n * 2, 'sink' || n % 4, 'all', n % 7, n % 3, n % 5, n % 2, n * 1000, n * 1000 + 1,
            iif(n % 7 > 1, n * 1000 + 2, NULL), iif(n % 7 = 3, 'status 500 – no', NULL), n % 4, iif(n % 4, n, NULL),
            iif(n % 5, NULL, 'key' || n % 50), 1 + n % 5, n % 4, iif(n % 11, NULL, n), iif(n % 13, NULL, 3),
            iif(n % 17, NULL, 'living' || n % 3), iif(n % 19, NULL, n * 3), iif(n % 23, NULL, 'sms'),
            iif(n % 23, NULL, 'k'), iif(n % 23, NULL, 99), iif(n % 29, NULL, 6), iif(n % 29, NULL, 'late') FROM n;
    INSERT INTO attempts SELECT seq, 1, due, 1200, 2, 500, 'status 500', 'oops' FROM deliveries WHERE attempts > 0;
    INSERT INTO attempts SELECT seq, 2, due, 1, 1, NULL, NULL, NULL FROM deliveries WHERE attempts > 1;
    DELETE FROM events WHERE seq = 10000;
    DELETE FROM deliveries WHERE seq = 15000;
    INSERT INTO sources VALUES ('ttmt', '17', 0, 3, '18446744073709551615', 5), ('feed', NULL, 1, 0, NULL, NULL);
    INSERT INTO picture VALUES ('ttmt', 'trade a', x'0001ff'), ('ttmt', 'Trade B', x'');
    INSERT INTO sinks VALUES ('sink1', 9, 7, 6, 5, 15, NULL, '', 0), ('sink2', NULL, 0, 0, NULL, NULL, 8, '500', 1);
    INSERT INTO living VALUES ('sink1', 'living1', '4711', 8);
    INSERT INTO throttles VALUES (4, 'all', 'sink1', 'k', 3, 2, 1, 9), (9, 'all', 'sink2', '', 3, 0, NULL, 9);
    INSERT INTO throttle_passes VALUES (4, 2, 5), (4, 3, 6), (9, 3, 1);
    INSERT INTO bundles VALUES ('all', 'sink1', 'k', 57, 10, 3, 400);
    INSERT INTO watches VALUES ('quiet', 5, NULL), ('loud', 6, 4);
    INSERT INTO tags VALUES (3, 'aaaaaaaaaaaa'), (600, 'bbbbbbbbbbbb')";

/// Both homes of a test's queue.
struct Homes {
    folder: TempDir,
    server: Server,
    address: String,
}

impl Homes {
    fn new() -> Option<Self> {
        let address = address()?;
        let folder = TempDir::new().expect("a folder");
        let secret = Secret::new(address.clone());
        let server = Server::at(&secret, &schema(&folder)).expect("an address");
        Some(Self {
            folder,
            server,
            address,
        })
    }

    /// The same with a life in the folder.
    fn lived() -> Option<Self> {
        let homes = Self::new()?;
        close(homes.open_folder().expect("opens"));
        homes.file().execute_batch(LIFE).expect("lives");
        Some(homes)
    }

    fn file(&self) -> rusqlite::Connection {
        let path = self.folder.path().join("bellwire.db");
        rusqlite::Connection::open(path).expect("a file")
    }

    fn session(&self) -> Session {
        self.server.open_to_move(false).expect("connects")
    }

    fn open_folder(&self) -> Result<Store, StoreError> {
        Store::open_existing(self.folder.path(), Status::new().0, now()).or_else(
            |error| match error {
                StoreError::Missing { .. } => {
                    Store::open(self.folder.path(), Status::new().0, now())
                }
                other => Err(other),
            },
        )
    }

    fn connect(&self) -> Result<Store, StoreError> {
        Store::connect(&self.server, Status::new().0)
    }

    fn both(&self) -> (&Path, &Server) {
        (self.folder.path(), &self.server)
    }

    fn carry(&self, way: Way) -> Result<Moved, MoveError> {
        carry(
            self.both(),
            way,
            now(),
            &CancellationToken::new(),
            |_, _| {},
        )
    }

    fn begin(&self, way: Way) -> Box<Move> {
        let (from, to) = ends(self.both(), way).expect("both");
        match Move::begin(from, to, now()).expect("begins") {
            Begun::Moving(moving) => moving,
            Begun::Ended(moved) => panic!("{moved:?}"),
        }
    }

    fn rows_in_folder(&self) -> BTreeMap<&'static str, Vec<String>> {
        rows(&Connection::Sqlite(&self.file()))
    }

    fn rows_on_server(&self) -> BTreeMap<&'static str, Vec<String>> {
        rows(&Connection::Postgres(&self.session()))
    }
}

/// Every row of every table that is carried, in no order that a home would choose.
fn rows(connection: &Connection<'_>) -> BTreeMap<&'static str, Vec<String>> {
    let of_table = |table: &Table| {
        let names: Vec<&str> = table.columns().iter().map(|(name, _)| *name).collect();
        let select = format!("SELECT {} FROM {}", names.join(", "), table.name);
        let mut select = connection.prepare_cached(&select).expect("prepares");
        let all = select.query_all(params![], |row| {
            let cells = (0..names.len()).map(|at| match row.cell(at)? {
                Cell::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
                other => Ok(format!("{other:?}")),
            });
            Ok(cells.collect::<sql::Result<Vec<String>>>()?.join(" | "))
        });
        let mut all = all.expect("reads");
        all.sort_unstable();
        (table.name, all)
    };
    CARRIED.iter().map(of_table).collect()
}

fn done<T>(asked: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(asked)
}

fn close(store: Store) {
    done(store.close());
}

/// What somebody is told who opens a home that is closed.
fn refused(opened: Result<Store, StoreError>) -> String {
    match opened.map(close) {
        Err(StoreError::Moved { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
}
