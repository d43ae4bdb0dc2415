//! The thread that holds the duties of this instance on a server, and takes those that become free.
//!
//! A lease runs out by the clock of the server unless it is renewed, so that the death of an instance needs
//! nobody who notices it. Whoever cannot renew stops by his own clock some time before that: no two instances
//! ever do the same thing, as long as their clocks run about equally fast. Whoever is stopped in the middle and goes
//! on later has a fence that counts no longer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::super::StoreError;
use super::super::lead::{Held, Hold};
use super::super::sql::{Connection, Session, Transaction, params};
use super::{Server, present};

/// How long a lease holds after it was taken or renewed, by the clock of the server.
pub(super) const HOLDS: Duration = Duration::from_secs(4);

/// How long after the beginning of its last renewal a lease counts as lost, by our own clock.
const TRUSTED: Duration = Duration::from_secs(3);

/// Time between two renewals.
const RENEW_EVERY: Duration = Duration::from_secs(1);

/// Time between two looks for what is wanted and may have become free.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long the server may take over one statement here.
const STATEMENT_MAX: Duration = Duration::from_secs(1);

/// The same where time is short.
const LEAST: Duration = Duration::from_millis(20);

/// How long a duty that was given up for another instance is left to that.
const LEFT_FOR: Duration = Duration::from_secs(3);

/// What instances share evenly, by the beginnings of the duties.
const KINDS: [&str; 2] = ["source ", "sink "];

/// Something to be done about a duty.
#[derive(Debug)]
pub(in super::super) enum Ask {
    /// To have it as soon as nobody else does.
    Want(Box<str>, oneshot::Sender<Hold>),
    /// To give it back.
    Release(Arc<Held>),
    /// To tell others what the configuration is.
    Describe(Box<str>),
    /// To give all back, and to end.
    Close,
}

/// The line to the thread.
#[derive(Clone, Debug)]
pub(in super::super) struct Leases {
    line: Sender<Ask>,
    instance: Arc<str>,
}

impl Leases {
    pub(super) const fn new(line: Sender<Ask>, instance: Arc<str>) -> Self {
        Self { line, instance }
    }

    /// Who this instance is among the others.
    pub(in super::super) fn instance(&self) -> &str {
        &self.instance
    }

    /// Asks for something. A thread that has ended has given everything back.
    pub(in super::super) fn ask(&self, ask: Ask) {
        let _ = self.line.send(ask);
    }
}

/// What the thread works with.
pub(super) struct Keeper {
    server: Server,
    instance: Arc<str>,
    session: Option<Session>,
    leases: Leases,
    /// A hash of its configuration.
    config: Box<str>,
    wanted: Vec<(Box<str>, oneshot::Sender<Hold>)>,
    held: HashMap<Box<str>, (Arc<Held>, CancellationToken)>,
    /// Given up for others, until then.
    left: HashMap<Box<str>, Instant>,
    /// When the last renewal began that reached the server.
    renewed: Instant,
    /// The last renewal has found one with another configuration.
    others_differ: bool,
}

impl Keeper {
    pub(super) fn new(server: Server, instance: Arc<str>, leases: Leases) -> Self {
        Self {
            server,
            instance,
            leases,
            config: Box::default(),
            session: None,
            wanted: Vec::new(),
            held: HashMap::new(),
            left: HashMap::new(),
            renewed: Instant::now(),
            others_differ: false,
        }
    }

    /// Works until it is told to close, or nobody can ask any more.
    pub(super) fn serve(mut self, line: &Receiver<Ask>) {
        let (mut renew_at, mut look_at) = (Instant::now(), Instant::now());
        loop {
            let next = if self.wanted.is_empty() {
                renew_at
            } else {
                renew_at.min(look_at)
            };
            match line.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Ask::Want(duty, reply)) => {
                    self.wanted.push((duty, reply));
                    // Those that come at the same time are taken at the same time.
                    look_at = look_at.min(Instant::now() + Duration::from_millis(5));
                    continue;
                }
                Ok(Ask::Release(held)) => self.release(&held),
                Ok(Ask::Describe(config)) => {
                    self.config = config;
                    renew_at = Instant::now();
                }
                Ok(Ask::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.wanted.retain(|(_, reply)| !reply.is_closed());
            if Instant::now() >= renew_at {
                renew_at = Instant::now() + RENEW_EVERY;
                self.attempt(Self::renew);
            }
            if self.renewed.elapsed() >= TRUSTED {
                self.lose_all();
            }
            if Instant::now() >= look_at && !self.wanted.is_empty() {
                look_at = Instant::now() + LOOK_EVERY;
                self.attempt(Self::take);
            }
        }
        self.attempt(Self::leave);
    }

    /// Does something with the server, which may be away.
    fn attempt(&mut self, work: fn(&mut Self, &Session) -> Result<(), StoreError>) {
        let time = self.time();
        let session = match self.session.take().filter(Session::is_open) {
            Some(session) => {
                session.wait_for(time);
                Ok(session)
            }
            None => self.server.connect_within(time),
        };
        let done = session.and_then(|session| {
            work(self, &session)?;
            Ok(session)
        });
        match done {
            Ok(session) => self.session = Some(session),
            Err(error) => tracing::debug!(%error, "duties could not be looked after"),
        }
    }

    /// How long the server is waited for. Whatever happens, what cannot be kept is to be given up in time.
    fn time(&self) -> Duration {
        match self.held.is_empty() {
            true => STATEMENT_MAX,
            false => TRUSTED
                .saturating_sub(self.renewed.elapsed())
                .clamp(LEAST, STATEMENT_MAX),
        }
    }

    /// Says that this instance lives, and keeps what it has. What it has given back or lost, or never learned to be
    /// its own, is to run out.
    fn renew(&mut self, session: &Session) -> Result<(), StoreError> {
        let began = Instant::now();
        let connection = Connection::Postgres(session);
        let wants: Vec<&str> = self.wanted.iter().map(|(duty, _)| &**duty).collect();
        present::say_alive(&connection, &self.instance, &self.config, &wants.join(","))?;
        let mut renew = connection.prepare_cached(
            "UPDATE leases SET until = clock_timestamp() + CAST(?2 AS BIGINT) * INTERVAL '1 millisecond'
             WHERE holder = ?1 AND duty = ANY (string_to_array(?3, ',')) RETURNING duty, fence",
        )?;
        let held: Vec<&str> = self.held.keys().map(|duty| &**duty).collect();
        let values = params![&*self.instance, millis(HOLDS), held.join(",")];
        let kept = renew.query_all(values, |row| {
            Ok((row.get::<String>(0)?, row.get::<i64>(1)?))
        })?;
        self.renewed = began;
        let kept: HashMap<&str, i64> = kept.iter().map(|(duty, fence)| (&**duty, *fence)).collect();
        for (_, (held, ended)) in self
            .held
            .extract_if(|duty, (held, _)| kept.get(&**duty) != Some(&held.fence))
        {
            tracing::warn!(duty = %held.duty, "another instance has taken over");
            ended.cancel();
        }
        self.share(&connection)
    }

    /// Gives up sources and sinks where another instance wants them that has at least two fewer.
    fn share(&mut self, connection: &Connection<'_>) -> Result<(), StoreError> {
        let mut others = connection.prepare_cached(
            "SELECT array_to_string(i.wants, ','),
                 count(l.duty) FILTER (WHERE l.duty LIKE 'source %'), count(l.duty) FILTER (WHERE l.duty LIKE 'sink %'),
                 i.config <> '' AND ?3 <> '' AND i.config <> ?3
             FROM instances i LEFT JOIN leases l ON l.holder = i.id AND l.until > clock_timestamp()
             WHERE i.id <> ?1 AND i.seen > clock_timestamp() - CAST(?2 AS BIGINT) * INTERVAL '1 millisecond'
             GROUP BY i.id",
        )?;
        let mut differ = false;
        let values = params![&*self.instance, millis(HOLDS), &*self.config];
        let others = others.query_all(values, |row| {
            let counts = [row.get::<u64>(1)?, row.get::<u64>(2)?];
            differ |= row.get::<bool>(3)?;
            Ok((row.get::<String>(0)?, counts))
        })?;
        self.tell_of_drift(differ);
        for (at, kind) in KINDS.into_iter().enumerate() {
            let kept = self
                .held
                .iter()
                .filter(|(duty, (_, ended))| duty.starts_with(kind) && !ended.is_cancelled());
            let kept: HashSet<Box<str>> = kept.map(|(duty, _)| duty.clone()).collect();
            // Whoever wants nothing of it has few because that is all he is to have.
            let wanting = others.iter().filter_map(|(wants, counts)| {
                let wanted = wants.split(',').filter(|duty| kept.contains(*duty));
                let wanted: Vec<&str> = wanted.collect();
                (!wanted.is_empty()).then_some((wanted, counts[at]))
            });
            let Some((wanted, theirs)) = wanting.min_by_key(|(_, count)| *count) else {
                continue;
            };
            let theirs = usize::try_from(theirs).unwrap_or(usize::MAX);
            let surplus = kept.len().saturating_sub(theirs) / 2;
            for duty in wanted.into_iter().take(surplus) {
                if let Some((_, ended)) = self.held.get(duty) {
                    // Whoever has it ends its work first, and then gives it back.
                    ended.cancel();
                    self.left.insert(duty.into(), Instant::now() + LEFT_FOR);
                }
            }
        }
        Ok(())
    }

    /// Says once that others have another configuration, and once that they have not any more.
    fn tell_of_drift(&mut self, differ: bool) {
        match (std::mem::replace(&mut self.others_differ, differ), differ) {
            (false, true) => tracing::warn!(
                "another instance has another configuration: what is done depends on who does it"
            ),
            (true, false) => tracing::info!("all instances have the same configuration again"),
            _ => {}
        }
    }

    /// Takes what is wanted and free. Whoever changes the queue meanwhile has ended before that.
    fn take(&mut self, session: &Session) -> Result<(), StoreError> {
        self.left.retain(|_, until| *until > Instant::now());
        let connection = Connection::Postgres(session);
        let mut ends = connection.prepare_cached(
            "SELECT duty, CAST(extract(epoch FROM clock_timestamp() - until) * 1000 AS BIGINT)
             FROM leases WHERE duty = ANY (string_to_array(?1, ','))",
        )?;
        let wanted = self.wanted.iter().map(|(duty, _)| &**duty);
        let wanted: Vec<&str> = wanted
            .filter(|duty| !self.left.contains_key(*duty))
            .collect();
        let ended = ends.query_all(params![wanted.join(",")], |row| {
            Ok((row.get::<String>(0)?, row.get::<i64>(1)?))
        })?;
        // How many milliseconds ago a lease has ended; less than none where it holds.
        let ended: HashMap<String, i64> = ended.into_iter().collect();
        let free: Vec<&str> = wanted
            .into_iter()
            .filter(|duty| ended.get(*duty).is_none_or(|ago| *ago >= 0))
            .collect();
        if free.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        session.begin_with(&self.server.take_lock())?;
        let transaction = Transaction::begun(&connection);
        let mut take = connection.prepare_cached(
            "INSERT INTO leases (duty, holder, fence, until)
             SELECT duty, ?2, 1, clock_timestamp() + CAST(?3 AS BIGINT) * INTERVAL '1 millisecond'
             FROM unnest(string_to_array(?1, ',')) AS duty
             ON CONFLICT (duty) DO UPDATE SET holder = excluded.holder, until = excluded.until, fence = leases.fence + 1
             WHERE leases.until <= clock_timestamp()
             RETURNING duty, fence",
        )?;
        let now_mine = take.query_all(
            params![free.join(","), &*self.instance, millis(HOLDS)],
            |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)),
        )?;
        transaction.commit()?;
        if self.held.is_empty() {
            self.renewed = began;
        }
        for (duty, fence) in now_mine {
            let ago = ended.get(&duty).and_then(|ago| u64::try_from(*ago).ok());
            let duty: Box<str> = duty.into();
            let held = Arc::new(Held {
                duty: duty.clone(),
                fence,
            });
            let Some(at) = self.wanted.iter().position(|(wanted, _)| *wanted == duty) else {
                continue;
            };
            let (_, reply) = self.wanted.swap_remove(at);
            let ended = CancellationToken::new();
            self.held.insert(duty, (Arc::clone(&held), ended.clone()));
            // Where nobody wants it any more, it is given back as it is dropped.
            let leases = self.leases.clone();
            let _ = reply.send(Hold {
                held,
                ended,
                leases,
                idle: ago.map(Duration::from_millis),
            });
        }
        Ok(())
    }

    fn release(&mut self, held: &Arc<Held>) {
        if self
            .held
            .get(&held.duty)
            .is_some_and(|(known, _)| known == held)
        {
            self.held.remove(&held.duty);
        }
        let Some(session) = self.session.take().filter(Session::is_open) else {
            // It runs out by itself.
            return;
        };
        session.wait_for(self.time());
        let released = Connection::Postgres(&session).execute(
            "UPDATE leases SET until = clock_timestamp() WHERE duty = ?1 AND fence = ?2 AND holder = ?3",
            params![&*held.duty, held.fence, &*self.instance],
        );
        match released {
            Ok(_) => self.session = Some(session),
            Err(error) => {
                tracing::debug!(%error, duty = %held.duty, "a duty runs out by itself");
            }
        }
    }

    fn lose_all(&mut self) {
        for (_, (held, ended)) in self.held.drain() {
            tracing::warn!(duty = %held.duty, "this instance cannot keep its duty");
            ended.cancel();
        }
    }

    /// Gives everything back, and leaves.
    fn leave(&mut self, session: &Session) -> Result<(), StoreError> {
        let connection = Connection::Postgres(session);
        connection.execute(
            "UPDATE leases SET until = clock_timestamp() WHERE holder = ?1",
            params![&*self.instance],
        )?;
        present::go(&connection, &self.instance)
    }
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
