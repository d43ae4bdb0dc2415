//! The tasks of a running bridge, and the order in which they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::adapters::{RulesRouter, StoreQueue};
use super::by_hand::tester;
use super::following::{Following, Shared};
use super::reload::{Handles, InForce, Reload};
use crate::clock::Clock;
use crate::crew::Crew;
use crate::dispatch::Mended;
use crate::intake::Router;
use crate::model::Notice;
use crate::rules;
use crate::status::Status;
use crate::store::{Duty, Server, Store};
use crate::transport::Client;
use crate::upkeep::Ears;
use crate::{admin, dispatch, heartbeat, upkeep};

/// How long attempts in flight may take to end: with what comes after, the whole stop stays within 8 s,
/// inside the 10 s that container engines allow.
const DRAIN: Duration = Duration::from_millis(5_500);

/// How long each other part may take to end.
const PART_END: Duration = Duration::from_millis(500);

/// A bridge at work.
pub struct Running {
    stop: CancellationToken,
    status: Status,
    store: Store,
    /// Ends the intake.
    intake: CancellationToken,
    in_force: InForce,
    heartbeat: Group,
    dispatch: Group,
    upkeep: Group,
    admin: Group,
    /// Where the status page is, unless it is turned off.
    pub address: Option<SocketAddr>,
}

/// Tasks that end together.
struct Group {
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

/// Opens the queue and starts every task. The bridge works until `stop`; there is none where that comes while the
/// queue's server is waited for.
///
/// # Errors
/// What keeps it from starting: the data folder, the address, the HTTP client.
pub async fn start(plan: Plan, stop: CancellationToken) -> anyhow::Result<Option<Running>> {
    let clock = Clock::system();
    let (status, notices) = Status::new();
    let config = &plan.config;
    let client = Client::new(None)?;
    // A server may have to be waited for.
    let (home, told, now) = (plan.home.clone(), status.clone(), clock.now());
    let (reply, opening) = oneshot::channel();
    std::thread::spawn(move || reply.send(home.open(told, now)));
    let store = tokio::select! {
        opened = opening => opened.context("the queue could not be opened")??,
        () = stop.cancelled() => {
            tracing::info!("stopped before the queue was open");
            return Ok(None);
        }
    };
    store.limit(config.retention.max_disk).await?;
    let nudge = store.nudge();
    plan.announce(&status);
    store.describe(&config.print.to_string());
    let mended = Mended::default();
    let (configured, setup) = watch::channel(Arc::new(plan.setup()));
    let mut admin_group = Group::new();
    let mut address = None;
    if let Some(listen) = config.http.listen {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("`http.listen` cannot be used: {listen}"))?;
        address = Some(
            listener
                .local_addr()
                .context("the listener has no address")?,
        );
        let parts = admin::Parts {
            store: store.clone(),
            status: status.clone(),
            clock: clock.clone(),
            token: config.http.token.clone(),
            setup,
            tester: tester(&client, &clock, &status, &store, &mended, &nudge),
            nudge: nudge.clone(),
        };
        let ended = admin_group.stop.clone();
        admin_group.tasks.spawn(async move {
            admin::run(parts, listener, ended).await;
            Ok(())
        });
    }
    let rules = rules::Current::new(Arc::clone(&plan.rules));
    let router = Arc::new(RulesRouter::new(rules.clone(), status.clone(), &plan.sinks));
    let ears = Ears::new(Arc::clone(&plan.watches));
    let mut upkeep_group = Group::new();
    upkeep_group.spawn(upkeep::run(
        upkeep::Parts {
            store: store.clone(),
            router: {
                let router = Arc::clone(&router);
                Arc::new(move |event| router.routes(event))
            },
            status: status.clone(),
            clock: clock.clone(),
            notices,
            nudge: nudge.clone(),
            ears: ears.clone(),
            keep: config.retention.events,
        },
        upkeep_group.stop.clone(),
    ));
    let mut dispatch_group = Group::new();
    let (sinks, lanes) = watch::channel(plan.sinks.clone());
    let parts = dispatch::Parts {
        store: store.clone(),
        client: client.clone(),
        rules: rules.clone(),
        status: status.clone(),
        clock: clock.clone(),
        nudge: nudge.clone(),
        mended: mended.clone(),
        drain: DRAIN,
    };
    let dispatch = dispatch::run(parts, lanes, dispatch_group.stop.clone());
    let (_, dispatch) = on_a_thread_of_its_own("dispatch", dispatch)?;
    dispatch_group.spawn(dispatch);
    let mut heartbeat_group = Group::new();
    let (switch, configured_switch) = watch::channel(plan.switch.clone());
    let parts = heartbeat::Parts {
        carrier: heartbeat::carrier(client.clone()),
        status: status.clone(),
        clock: clock.clone(),
        switch: configured_switch,
    };
    let (shared, leave) = (store.clone(), heartbeat_group.stop.clone());
    heartbeat_group.spawn(async move {
        let beat = |_, leave| heartbeat::run(parts.clone(), leave);
        let clock = &parts.clock;
        shared
            .on_duty(Duty::Heartbeat, clock, leave, |_| {}, beat)
            .await;
    });
    let intake = CancellationToken::new();
    let shared = Shared {
        client,
        queue: Arc::new(StoreQueue {
            store: store.clone(),
            ears: ears.clone(),
        }),
        router,
        status: status.clone(),
        clock: clock.clone(),
        nudge: nudge.clone(),
    };
    // As long as there is somebody who follows sources.
    let ended = CancellationToken::new();
    let (thread, guard) = (ended.clone().cancelled_owned(), ended.drop_guard());
    let (runtime, _) = on_a_thread_of_its_own("intake", thread)?;
    let following = Following::new(shared, Crew::new(intake.clone(), runtime), guard);
    status.raise(Notice {
        kind: "bellwire.started",
        time: clock.now(),
        data: serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }),
        told: None,
    });
    tracing::info!(
        sources = plan.sources.len(),
        sinks = plan.sinks.len(),
        rules = config.rules.len(),
        data_dir = plan
            .home
            .folder()
            .map(|folder| folder.display().to_string()),
        store = plan.home.server().map(Server::shown),
        page = address.map(|address| format!("http://{address}/")),
        "started"
    );
    let handles = Handles {
        lanes: sinks,
        rules,
        ears,
        switch,
        setup: configured,
        mended,
        nudge,
        store: store.clone(),
    };
    let in_force = InForce::new(plan, following, handles, status.clone(), clock)?;
    Ok(Some(Running {
        stop,
        status,
        store,
        intake,
        in_force,
        heartbeat: heartbeat_group,
        dispatch: dispatch_group,
        upkeep: upkeep_group,
        admin: admin_group,
        address,
    }))
}

/// Carries something out on one thread that does nothing else, with whatever is given to its runtime meanwhile. Tasks
/// there run in the order in which they are woken, so requests leave in the order in which they were begun, whoever
/// looks at pages delays none, and no event wakes more threads than have to do with it.
///
/// A panic ends it as if it had returned: whoever waits for it takes that for what it is.
fn on_a_thread_of_its_own(
    name: &str,
    work: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<(Handle, impl Future<Output = ()> + Send + 'static)> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("a runtime cannot be made")?;
    let handle = runtime.handle().clone();
    let (done, ended) = oneshot::channel::<()>();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            runtime.block_on(work);
            drop(done);
        })
        .context("a thread cannot be started")?;
    let ended = async move {
        // Nothing is ever sent: the other end goes with the thread.
        let _ = ended.await;
    };
    Ok((handle, ended))
}

impl Running {
    /// Waits for the stop, or for a task that ends before it, and then stops everything in order:
    /// the heartbeat, readiness off, streams closed, attempts in flight ended, notices written, the page last. Until
    /// then the configuration is read again whenever `reload` says so.
    ///
    /// # Errors
    /// The failure of a task that ended by itself: whoever supervises the process has to start it anew.
    pub async fn finished(mut self, mut reload: Option<Reload>) -> anyhow::Result<()> {
        let early = loop {
            tokio::select! {
                () = self.stop.cancelled() => break None,
                () = self.in_force.unasked() => break Some(("intake", Ok(()))),
                ended = self.heartbeat.any() => break Some(("the heartbeat", ended)),
                ended = self.dispatch.any() => break Some(("dispatch", ended)),
                ended = self.upkeep.any() => break Some(("upkeep", ended)),
                ended = self.admin.any() => break Some(("the status page", ended)),
                () = self.store.closed() => break Some(("the queue", match self.store.fault() {
                    None => Ok(()),
                    Some(fault) => Err(anyhow!("{fault}")),
                })),
                read = Reload::next(&mut reload) => self.in_force.replace(read),
            }
        };
        // First, so that a stop is no failure that the switch is told of.
        self.heartbeat.end(PART_END).await;
        self.status.stopping();
        self.intake.cancel();
        if timeout(PART_END, self.in_force.all_ended()).await.is_err() {
            tracing::warn!("a source did not end in time");
        }
        self.dispatch.end(DRAIN + PART_END).await;
        self.upkeep.end(PART_END).await;
        self.admin.end(PART_END).await;
        // A disk that stalls must not keep the process: what it has not taken was never promised.
        if timeout(PART_END, self.store.close()).await.is_err() {
            tracing::warn!("the queue did not close in time");
        }
        match early {
            None => {
                tracing::info!("stopped");
                Ok(())
            }
            Some((part, Ok(()))) => Err(anyhow!("{part} ended by itself")),
            Some((part, Err(error))) => Err(error.context(format!("{part} ended by itself"))),
        }
    }
}

impl Group {
    fn new() -> Self {
        Self {
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            Ok(())
        });
    }

    /// The end of any task of the group; never, where there is none.
    async fn any(&mut self) -> anyhow::Result<()> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(ended)) => ended,
            Some(Err(error)) => Err(anyhow!("a task panicked: {error}")),
        }
    }

    /// Asks all tasks to end and waits for them, at most this long.
    async fn end(&mut self, limit: Duration) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(limit, all).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}
