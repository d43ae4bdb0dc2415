//! One of the two homes of a queue that is moved, open to nobody else.

use std::path::Path;

use super::super::lock::{FolderLock, Holder};
use super::super::server::Server;
use super::super::sql::{Connection, Session, Transaction};
use super::super::{StoreError, instances, schema};
use super::MoveError;
use super::marks::Marks;

/// A home, and what keeps others out of it.
pub(in super::super) struct End {
    home: Home,
    /// For people.
    pub(super) shown: String,
}

enum Home {
    // In this order: the file is closed before its folder is free again.
    Folder(
        rusqlite::Connection,
        #[expect(dead_code, reason = "it is held")] FolderLock,
    ),
    Server(Box<Session>, Server),
}

impl End {
    /// A folder, whose queue has to be there unless one is `made`.
    pub(super) fn folder(folder: &Path, made: bool) -> Result<Self, StoreError> {
        if !made {
            schema::find(folder)?;
        }
        let lock = FolderLock::take(folder, Holder::Command)?;
        let file = schema::open(&folder.join(schema::FILE_NAME))?;
        Connection::Sqlite(&file).set_triggers(false)?;
        Ok(Self {
            home: Home::Folder(file, lock),
            shown: shown_folder(folder),
        })
    }

    /// A server, the same.
    pub(super) fn server(server: &Server, made: bool) -> Result<Self, StoreError> {
        Ok(Self {
            home: Home::Server(Box::new(server.open_to_move(made)?), server.clone()),
            shown: server.named(),
        })
    }

    pub(super) fn connection(&self) -> Connection<'_> {
        match &self.home {
            Home::Folder(file, _) => Connection::Sqlite(file),
            Home::Server(session, _) => Connection::Postgres(session),
        }
    }

    /// Begins to change something, and keeps everybody else from it until that has ended.
    pub(super) fn begin<'c>(
        &self,
        connection: &'c Connection<'c>,
    ) -> Result<Transaction<'c>, StoreError> {
        self.begin_with(connection, Server::take_lock)
    }

    /// Begins to read, and sees one moment until that has ended.
    pub(super) fn begin_to_read<'c>(
        &self,
        connection: &'c Connection<'c>,
    ) -> Result<Transaction<'c>, StoreError> {
        self.begin_with(connection, |_| {
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned()
        })
    }

    /// Begins a transaction, on a server by this statement. A file is nobody else's anyway.
    fn begin_with<'c>(
        &self,
        connection: &'c Connection<'c>,
        first: impl FnOnce(&Server) -> String,
    ) -> Result<Transaction<'c>, StoreError> {
        self.wait();
        match &self.home {
            Home::Folder(..) => Ok(connection.transaction()?),
            Home::Server(session, server) => {
                session.begin_with(&first(server))?;
                Ok(Transaction::begun(connection))
            }
        }
    }

    /// Has the patience for a server begin anew.
    pub(super) fn wait(&self) {
        if let Home::Server(session, _) = &self.home {
            session.wait_for(super::super::sql::STATEMENT_MAX);
        }
    }

    /// Has a server know how much there is, which it would notice only after a while.
    pub(super) fn analyze(&self) {
        if let Home::Server(session, _) = &self.home {
            self.wait();
            // Until it notices by itself it is slower, and nothing else.
            let _ = session.batch("ANALYZE events; ANALYZE deliveries; ANALYZE attempts");
        }
    }

    pub(super) fn marks(&self) -> Result<Marks, StoreError> {
        self.wait();
        Ok(Marks::read(&self.connection())?)
    }

    /// Refuses a home on which an instance works. That nobody has the folder is known by its lock.
    pub(super) fn refuse_working(&self, connection: &Connection<'_>) -> Result<(), MoveError> {
        if let Home::Folder(..) = self.home {
            return Ok(());
        }
        let all = instances::read(connection, None)?;
        let living = all.iter().filter(|one| !one.is_gone);
        let living: Vec<String> = living
            .map(|one| format!("{} on {}", one.id, one.host))
            .collect();
        match living.is_empty() {
            true => Ok(()),
            false => Err(MoveError::Working {
                home: self.shown.clone(),
                who: living.join(", "),
            }),
        }
    }

    /// What can be done about a home that is not empty.
    pub(super) fn remedy(&self) -> String {
        match &self.home {
            Home::Folder(..) => {
                "name another `data_dir`, or move `bellwire.db` in it away with its `-wal` and `-shm` neighbours"
                    .to_owned()
            }
            Home::Server(_, server) => format!(
                "name another `store.schema`, or remove this one there with `DROP SCHEMA \"{}\" CASCADE`",
                server.schema()
            ),
        }
    }
}

/// A folder for people, wherever they stand.
pub(in super::super) fn shown_folder(folder: &Path) -> String {
    let whole = folder.canonicalize();
    let whole = whole.as_deref().unwrap_or(folder);
    format!("`{}`", whole.display())
}
