//! The thread that reads for people, on a connection of its own that cannot write.

use tokio::sync::mpsc;

use super::super::hands::Hands;
use super::super::reader::Look;
use super::super::sql::{Connection, Session};
use super::super::tags::Tags;
use super::super::work::Work;
use super::super::{StoreError, sql};
use super::Server;

/// What the thread works with.
pub(in super::super) struct Reader {
    server: Server,
    session: Option<Session>,
    tags: Tags,
}

impl Reader {
    pub(in super::super) const fn new(server: Server, tags: Tags) -> Self {
        Self {
            server,
            session: None,
            tags,
        }
    }

    /// Looks at what it is asked for, until nobody asks any more.
    pub(in super::super) fn serve(mut self, mut line: mpsc::Receiver<Look>) {
        while let Some(Look::At(mut work)) = line.blocking_recv() {
            let mut looked = self.look(&mut *work);
            // A connection may have ended since the last look.
            if looked.as_ref().is_err_and(StoreError::is_of_connection) {
                self.session = None;
                looked = self.look(&mut *work);
            }
            work.answer(looked.err());
        }
    }

    /// Reads in a transaction, so that several statements see one state of the queue.
    fn look(&mut self, work: &mut dyn Work) -> Result<(), StoreError> {
        let session = match &mut self.session {
            Some(session) if session.is_open() => session,
            none => none.insert(self.server.connect()?),
        };
        session.wait_for(sql::STATEMENT_MAX);
        let begin =
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT count(*) FROM tags";
        let tags = session
            .begin_with(begin)?
            .and_then(|count| count.parse().ok());
        let connection = Connection::Postgres(session);
        let transaction = sql::Transaction::begun(&connection);
        if tags != Some(self.tags.len()) {
            self.tags = Tags::read(&transaction)?;
        }
        work.apply(&connection, &self.tags, &mut Hands::default())?;
        Ok(transaction.commit()?)
    }
}
