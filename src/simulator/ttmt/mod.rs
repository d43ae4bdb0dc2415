//! The TTMT API on this machine: the stream with its ids, its replay and its slot, the limits, the
//! refusals, and every way in which all that can fail.
//!
//! A room of its own because it is one server: nine routes over one ledger of what the stream said.

mod api;
mod budget;
mod control;
mod fault;
mod feed;
mod gate;
mod handle;
mod message;
mod page;
mod player;
mod problem;
mod query;
mod requests;
mod rest;
mod sample;
mod script;
mod single;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;

use super::wire::{Listener, serve};
pub use super::world::{Account, Pace};
use super::world::{Setup, World};
use api::Api;
pub use budget::Window;
pub use fault::Fault;
pub use handle::Handle;
pub use message::{Message, MessageId};
use player::{Play, Tempo};
pub use requests::{Authorization, Request};
pub use script::{Line, ScriptError, parse as parse_script};

/// The key that a simulator accepts unless told otherwise. It opens nothing else.
pub const DEMO_KEY: &str = "ttmt_live_no-real-key-no-real-key-no-real-key-no-real";

/// What a simulator is to be.
#[derive(Clone)]
pub struct Options {
    /// Where it listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The one key it accepts.
    pub key: String,
    /// The accounts of the key; none means the two of the recorded sample events.
    pub accounts: Vec<Account>,
    /// Events a second on average; 0 is as fast as possible.
    pub rate: f64,
    /// The seed of everything that is random.
    pub seed: u64,
    /// How eventful the market is.
    pub pace: Pace,
    /// Whether a trade is open from the beginning whose first target is hit at the third step.
    pub warm_start: bool,
    /// Whether the first event waits for the first open stream.
    pub hold: bool,
    /// The life of a connection.
    pub recycle_after: Duration,
    /// Events kept for replay.
    pub buffer: usize,
    /// The id of the first event.
    pub first_id: u64,
    /// When spent requests are given back.
    pub window: Window,
    /// Whether a single object is answered inside `data` instead of bare.
    pub wrapped: bool,
    /// What is played instead of the market.
    pub script: Option<Vec<Line>>,
    /// How many times faster a script is played than the times of its events say, instead of at the
    /// rate; above 0.
    pub speed: Option<f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: DEMO_KEY.to_owned(),
            accounts: Vec::new(),
            rate: 1.0,
            seed: 1,
            pace: Pace::Calm,
            warm_start: false,
            hold: true,
            recycle_after: Duration::from_mins(5),
            buffer: 100,
            first_id: 1,
            window: Window::Fixed,
            wrapped: false,
            script: None,
            speed: None,
        }
    }
}

/// A simulator that listens and is not served yet.
pub struct Simulator {
    listener: Listener,
    api: Arc<Api>,
    play: Play,
    tempo: Tempo,
    hold: bool,
}

/// Begins to listen.
///
/// # Errors
/// When the address cannot be had.
pub async fn bind(options: Options) -> io::Result<Simulator> {
    let listener = Listener::bind(options.listen).await?;
    let world = World::new(Setup {
        accounts: options.accounts.clone(),
        seed: options.seed,
        pace: options.pace,
        warm_start: options.warm_start,
    });
    Ok(Simulator {
        listener,
        api: Arc::new(Api::new(&options, world)),
        play: match options.script {
            Some(lines) => Play::Script(lines, options.speed),
            None => Play::World,
        },
        tempo: Tempo::new(options.rate, options.seed),
        hold: options.hold,
    })
}

impl Simulator {
    /// The address that it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// The address of the API, as a source's `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.handle().base_url()
    }

    /// The way in, also while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            api: Arc::clone(&self.api),
            addr: self.local_addr(),
        }
    }

    /// Serves and plays until `stop`. Open streams end properly then.
    ///
    /// # Errors
    /// When the listening socket fails.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        let api = self.api;
        let router = router(&api, self.listener.addr().ip().is_loopback());
        let end = api.stop.clone();
        let serving = async {
            let served = serve(self.listener, router, end.clone()).await;
            end.cancel();
            served
        };
        let playing = player::play(Arc::clone(&api), self.play, self.tempo, self.hold);
        let playing = async {
            tokio::select! {
                () = playing => {}
                () = end.cancelled() => {}
            }
        };
        let stopping = async {
            tokio::select! {
                () = stop.cancelled() => end.cancel(),
                () = end.cancelled() => {}
            }
        };
        let (served, (), ()) = tokio::join!(serving, playing, stopping);
        served
    }
}

fn router(api: &Arc<Api>, with_control: bool) -> Router {
    let charged = from_fn_with_state(Arc::clone(api), gate::charge_failed_connect);
    // Written in full: below a nested prefix the gate would see, and note, shortened paths.
    let mut router = Router::new()
        .route(gate::STREAM, get(stream::open).layer(charged))
        .route("/api/v1/accounts", get(rest::accounts))
        .route("/api/v1/positions", get(rest::positions))
        .route("/api/v1/signals", get(rest::signals))
        .route("/api/v1/signals/{id}", get(rest::signal))
        .route("/api/v1/trades", get(rest::trades))
        .route("/api/v1/trades/{id}", get(rest::trade))
        .route("/api/v1/trades/{id}/positions", get(rest::trade_positions))
        .route("/api/v1/trades/{id}/orders", get(rest::trade_orders))
        .fallback(rest::not_found)
        .layer(from_fn_with_state(Arc::clone(api), gate::gate));
    if with_control {
        router = router
            .route("/simulate/requests", get(control::requests))
            .route("/simulate/{fault}", post(control::simulate));
    }
    router.with_state(Arc::clone(api))
}
