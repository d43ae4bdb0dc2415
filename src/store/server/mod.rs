//! The queue on a PostgreSQL server: where it is, and how it is reached.
//!
//! A part of its own because a server is nothing that a process owns. It may be away for a while, and come
//! back as it was, so whatever is asked of the queue waits for it; and somebody else may work on the same
//! queue, so all that changes it takes the queue's one lock first.

mod address;
pub(super) mod leases;
mod listener;
mod owner;
mod present;
mod reader;
mod schema;

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use tokio::runtime::{self, Runtime};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::alarm::Alarm;
use super::moving::marks;
use super::reader::Look;
use super::request::Request;
use super::sql::{Session, SqlError};
use super::tags::Tags;
use super::{StoreError, sql};
use crate::model::Secret;
use crate::transport;

use leases::{Ask, Keeper, Leases};
use listener::{LOOK_ANYWAY, Signs};
use owner::Owner;
use reader::Reader;

/// Where servers listen unless an address says otherwise.
const PORT: u16 = 5432;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The same for one of several hosts, so that there is time for another one.
const HOST_MAX: Duration = Duration::from_secs(2);

/// How long a server may leave what was sent to it without a sign, before the connection counts as cut.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// How long a server waits for the next statement of a transaction, which has the queue's lock: whoever is cut off in
/// the middle of one keeps nobody from taking over when his leases have run out.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Wait before a server is tried again that is away at the start.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a server may be away when the queue is opened: what runs beside it may be starting, too.
const START_MAX: Duration = Duration::from_secs(30);

/// Opens the queue on a server, and serves the lines from threads of their own.
pub(super) fn open(
    server: &Server,
    lines: (mpsc::Receiver<Request>, mpsc::Receiver<Look>),
    alarm: Alarm,
    fault: Arc<OnceLock<String>>,
    signs: Signs,
    joins: bool,
) -> Result<Option<Leases>, StoreError> {
    let instance: Arc<str> = format!("{:016x}", rand::random::<u64>()).into();
    let (ask, asked) = std::sync::mpsc::channel();
    let leases = Leases::new(ask, Arc::clone(&instance));
    let keeper = Keeper::new(server.clone(), Arc::clone(&instance), leases.clone());
    let holder = leases.clone();
    let (heard_at, closed) = (server.clone(), CancellationToken::new());
    let closing = closed.clone();
    let (told, opened) = std::sync::mpsc::channel();
    let (leaving, left) = std::sync::mpsc::channel::<()>();
    let server = server.clone();
    let (line, looks) = lines;
    let work = move || {
        let prepared = match joins {
            true => join(&server, &instance),
            false => visit(&server),
        };
        let (session, tags) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return drop(told.send(Err(error))),
        };
        let reader = Reader::new(server.clone(), tags.clone());
        let reader = thread("store-reader", move || reader.serve(looks));
        let is_reading = reader.is_ok();
        let _ = told.send(reader);
        if is_reading {
            let home = (server, instance);
            let waiting = Owner::new(home, session, tags, alarm, fault).serve(line);
            closing.cancel();
            holder.ask(Ask::Close);
            // The process may end as soon as the queue is closed, and others are to have its duties at once.
            // Nothing is ever sent: the other end goes with the thread.
            let _ = left.recv();
            for reply in waiting {
                let _ = reply.send(());
            }
        }
    };
    thread("store", work)?;
    opened.recv().map_err(|_| StoreError::Closed)??;
    if !joins {
        return Ok(None);
    }
    thread("store-leases", move || {
        keeper.serve(&asked);
        drop(leaving);
    })?;
    thread("store-listener", move || {
        listener::serve(&heard_at, &signs, &closed);
    })?;
    Ok(Some(leases))
}

/// Joins those who work on a queue. A server that is away, or goes away in the middle of it, is waited for.
fn join(server: &Server, instance: &str) -> Result<(Session, Tags), StoreError> {
    let since = Instant::now();
    loop {
        match try_join(server, instance).map_err(|error| server.ended(error)) {
            Err(error) if error.is_of_connection() && since.elapsed() < START_MAX => {
                tracing::warn!("{error}; it is tried again");
                std::thread::sleep(AGAIN);
            }
            joined => return joined,
        }
    }
}

/// Connects, makes or migrates the tables, and says that there is one instance more.
fn try_join(server: &Server, instance: &str) -> Result<(Session, Tags), StoreError> {
    let session = owner::connect(server)?;
    // Others may be making the same tables, and what is there may be much.
    session.wait_for(sql::STATEMENT_MAX);
    // Whoever moves the queue has its lock for longer than anybody waits.
    schema::refuse_moved(&session, server)?;
    schema::prepare(&session, server)?;
    let connection = sql::Connection::Postgres(&session);
    session.begin_with(&server.take_lock())?;
    let transaction = sql::Transaction::begun(&connection);
    marks::refuse(&transaction, || server.named())?;
    let is_alone = present::arrive(&transaction, instance)?;
    // Those who work on it already go by the tags that there are.
    let tags = match is_alone {
        true => Tags::begin(&transaction)?,
        false => Tags::read(&transaction)?,
    };
    transaction.commit()?;
    Ok((session, tags))
}

/// Connects to a queue that is there.
fn visit(server: &Server) -> Result<(Session, Tags), StoreError> {
    let session = owner::connect(server)?;
    schema::find(&session, server)?;
    schema::refuse_moved(&session, server)?;
    let tags = Tags::read(&sql::Connection::Postgres(&session))?;
    Ok((session, tags))
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let spawned = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work);
    spawned.map(drop).map_err(StoreError::Thread)
}

/// Where a queue is on a server.
#[derive(Clone)]
pub struct Server {
    // Large, and not often needed.
    config: Box<Config>,
    schema: String,
    /// Time after which everybody looks for work, whatever was heard.
    look_anyway: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.shown())
    }
}

impl Server {
    /// The server behind an address such as `postgres://user:password@host/database`, and a schema there.
    ///
    /// # Errors
    /// What is wrong with the address, without the address, which may have a password in it.
    pub fn at(address: &Secret, schema: &str) -> Result<Self, String> {
        let mut config = address::read(address.expose())?;
        config
            .application_name("bellwire")
            .connect_timeout(HOST_MAX)
            .keepalives_idle(SILENCE_MAX)
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(3)
            .tcp_user_timeout(SILENCE_MAX);
        Ok(Self {
            config: Box::new(config),
            schema: schema.to_owned(),
            look_anyway: LOOK_ANYWAY,
        })
    }

    /// The same, where nobody looks by himself for as long as a test lasts.
    #[cfg(test)]
    pub(super) fn only_hearing(mut self) -> Self {
        self.look_anyway = Duration::from_hours(1);
        self
    }

    /// The server for people, without a secret.
    #[must_use]
    pub fn shown(&self) -> String {
        let ports = self.config.get_ports().iter().copied();
        // One port may stand for all hosts.
        let ports = ports.chain(std::iter::repeat(PORT));
        let hosts = self.config.get_hosts().iter().zip(ports);
        let hosts: Vec<String> = hosts.map(|(host, port)| shown_host(host, port)).collect();
        let database = self.config.get_dbname().or(self.config.get_user());
        format!("{}/{}", hosts.join(","), database.unwrap_or_default())
    }

    /// Whether a queue could be opened here, in a few words; nothing is changed. Blocks, for some seconds at most.
    ///
    /// # Errors
    /// [`StoreError`], whose variants say what a person has to do.
    pub fn try_out(&self) -> Result<String, StoreError> {
        let session = self.connect()?;
        schema::look(&session, self).map_err(|error| self.ended(error))
    }

    /// The queue there for people: each schema of a server is one.
    pub(super) fn named(&self) -> String {
        format!("schema `{}` of {}", self.schema, self.shown())
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// A connection to move the queue with, to tables that are made if need be.
    pub(super) fn open_to_move(&self, is_made: bool) -> Result<Session, StoreError> {
        let session = owner::connect(self)?;
        match is_made {
            true => schema::prepare(&session, self)?,
            false => schema::find(&session, self)?,
        }
        session.batch(&format!(
            "SET idle_in_transaction_session_timeout = {}",
            sql::STATEMENT_MAX.as_millis()
        ))?;
        Ok(session)
    }

    /// Connects once. Blocks, so it is for threads of their own.
    fn connect(&self) -> Result<Session, StoreError> {
        self.connect_within(CONNECT_MAX)
    }

    /// The same within a time, which holds for what comes next, too.
    fn connect_within(&self, time: Duration) -> Result<Session, StoreError> {
        self.session(time, || {})
    }

    /// The same, and `heard` is called for whatever somebody tells on a channel.
    fn connect_and_hear(&self, heard: impl Fn() + Send + 'static) -> Result<Session, StoreError> {
        self.session(CONNECT_MAX, heard)
    }

    /// The channel on which instances tell each other that there may be work.
    fn channel(&self) -> String {
        format!("bellwire {}", self.schema)
    }

    fn session(
        &self,
        time: Duration,
        heard: impl Fn() + Send + 'static,
    ) -> Result<Session, StoreError> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.away(&error))?;
        let ended = CancellationToken::new();
        let talk = (heard, ended.clone().drop_guard());
        let client = match self.config.get_ssl_mode() {
            SslMode::Disable => self.client(&runtime, NoTls, time, talk),
            _ => {
                let trust = transport::trust().map_err(|error| self.away(&error))?;
                self.client(&runtime, MakeRustlsConnect::new(trust), time, talk)
            }
        }?;
        let session = Session::new(runtime, client, ended);
        session.wait_for(time);
        session.batch(&format!(
            "SET search_path = \"{}\"; SET synchronous_commit = on; SET idle_in_transaction_session_timeout = {};
             SET statement_timeout = {}; SET lock_timeout = 0; SET idle_session_timeout = 0; SET client_min_messages = error",
            self.schema,
            PAUSE_MAX.as_millis(),
            sql::STATEMENT_MAX.as_millis(),
        ))?;
        Ok(session)
    }

    fn client<T>(
        &self,
        runtime: &Runtime,
        tls: T,
        time: Duration,
        (heard, ending): (impl Fn() + Send + 'static, DropGuard),
    ) -> Result<Client, StoreError>
    where
        T: MakeTlsConnect<Socket>,
        T::TlsConnect: Send,
        T::Stream: Send + 'static,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let connected = async { timeout(time, self.config.connect(tls)).await };
        let (client, connection) = match runtime.block_on(connected) {
            Ok(connected) => connected.map_err(|error| self.refused(error))?,
            Err(_) => return Err(self.away(&"it does not answer")),
        };
        runtime.spawn(async move {
            // Dropped last, so that whoever hears of the end finds the connection closed.
            let _ending = ending;
            let mut connection = connection;
            // Whoever asks for something is told what ended it.
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notification(_) = message {
                    heard();
                }
            }
        });
        Ok(client)
    }

    /// The server cannot be had now, and may be had later.
    fn away(&self, reason: &dyn std::fmt::Display) -> StoreError {
        StoreError::Away {
            server: self.shown(),
            reason: reason.to_string(),
        }
    }

    /// The same for whatever the end of a connection has kept from being done.
    fn ended(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Sql(error) if error.is_of_connection() => self.away(&error),
            other => other,
        }
    }

    /// What an error of connecting means: one that the server tells is to be mended by a person, unless it is
    /// only about to start or to stop.
    fn refused(&self, error: tokio_postgres::Error) -> StoreError {
        let reason = sql::said(&error);
        let error = SqlError::from(error);
        match error.is_of_connection() {
            true => self.away(&reason),
            false => StoreError::Refused {
                server: self.shown(),
                reason,
            },
        }
    }
}

fn shown_host(host: &Host, port: u16) -> String {
    match host {
        Host::Tcp(name) if port == PORT => name.clone(),
        Host::Tcp(name) => format!("{name}:{port}"),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}
