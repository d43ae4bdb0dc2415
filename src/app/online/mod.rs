//! Every source and every sink tried once, without anything that a person or an automation could take
//! for an event.
//!
//! A part of its own because it uses what `run` uses (connectors, REST calls, the guarded client) and
//! starts nothing of it: no queue, no stream of a key that has only one, no delivery. It finds out and
//! says it; the words for the terminal are put together above.

mod key;
mod visible;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

use self::visible::visible;
use super::Plan;
use super::following::{host, rest_of};
use crate::clock::Clock;
use crate::intake::words;
use crate::model::{Cursor, Name};
use crate::sinks::{Heard, Question, Sink};
use crate::sources::budget::Budget;
use crate::sources::ttmt_rest::{Account, TradingAccount};
use crate::sources::{RestAccess, Source};
use crate::store::Server;
use crate::transport::{Client, Reach, program};

/// The limit for everything together.
const LIMIT: Duration = Duration::from_secs(20);

/// How many are tried at once.
const AT_ONCE: usize = 32;

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 300;

/// Longest value of an account, in characters.
const VALUE_CHARS_MAX: usize = 64;

/// What came of it, in the order of the names.
#[derive(Debug)]
pub struct Tried {
    /// The server of the queue, where that is on one: where it is, and what is fine or wrong.
    pub store: Option<(String, Heard)>,
    /// The sources.
    pub sources: Vec<TriedSource>,
    /// The sinks.
    pub sinks: Vec<Trial>,
    /// Where the heartbeat goes. It is not tried: the switch would take it for a word that all is well.
    pub heartbeat: Option<String>,
}

/// What came of one source or sink. No text in it has a control character or a credential.
#[derive(Debug)]
pub struct Trial {
    /// Its name.
    pub name: Name,
    /// Its kind.
    pub kind: String,
    /// Where it is, for people.
    pub place: String,
    /// What is fine, or what is wrong.
    pub heard: Heard,
}

/// What came of one source.
#[derive(Debug)]
pub struct TriedSource {
    /// What came of it.
    pub trial: Trial,
    /// The accounts behind its key.
    pub accounts: Vec<TradingAccount>,
    /// What the server says is left of the key's minute.
    pub requests_left: Option<u32>,
}

impl Tried {
    /// Whether all is fine.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        let store = self.store.iter().map(|(_, heard)| heard);
        let sources = self.sources.iter().map(|source| &source.trial);
        let trials = sources.chain(&self.sinks).map(|trial| &trial.heard);
        store.chain(trials).all(Heard::is_ok)
    }
}

/// What a source said, before it has its name.
#[derive(Debug)]
struct Told {
    heard: Heard,
    accounts: Vec<TradingAccount>,
    requests_left: Option<u32>,
}

impl From<Heard> for Told {
    fn from(heard: Heard) -> Self {
        Self {
            heard,
            accounts: Vec::new(),
            requests_left: None,
        }
    }
}

/// Tries all of them, in 20 seconds at most.
///
/// # Errors
/// When there can be no HTTP client.
pub async fn try_online(plan: &Plan) -> anyhow::Result<Tried> {
    let client = Client::new(None).context("nothing can be tried")?;
    let deadline = Instant::now() + LIMIT;
    let clock = Clock::system();
    let mut budgets: HashMap<&str, Arc<Budget>> = HashMap::new();
    let kinds = plan.config.sources.iter().map(|source| &source.kind);
    let sources = plan.sources.iter().zip(kinds).map(|(source, kind)| {
        // One budget for a key, so that a key that was refused is not shown again.
        let key = source.rest.as_ref().map(|access| access.api_key.expose());
        let budget = key.map(|key| Arc::clone(budgets.entry(key).or_default()));
        let asked = source.rest.as_ref().zip(budget);
        let (client, clock) = (&client, &clock);
        let told = async move {
            match asked {
                Some((access, budget)) => ask_key(access, client, &budget, clock).await,
                None => open_stream(source).await.into(),
            }
        };
        async move {
            let told = in_time(deadline, told).await;
            named_source(source, kind, told)
        }
    });
    let sinks = plan.sinks.iter().map(|sink| async {
        let heard = in_time(deadline, ask_sink(sink, &client)).await;
        named_sink(sink, heard)
    });
    let sources: Vec<_> = sources.collect();
    let (store, sources, sinks) = tokio::join!(
        ask_server(plan.home.server(), deadline),
        stream::iter(sources).buffered(AT_ONCE).collect::<Vec<_>>(),
        stream::iter(sinks).buffered(AT_ONCE).collect::<Vec<_>>(),
    );
    let heartbeat = plan.switch.as_ref().map(|switch| switch.place.clone());
    Ok(Tried {
        store,
        sources,
        sinks,
        heartbeat,
    })
}

/// What is said of each program that could not be started on this machine. It need not be the one that
/// the configuration is for, so nothing is wrong yet.
#[must_use]
pub fn programs_not_here(plan: &Plan) -> Vec<String> {
    let told = plan.sinks.iter().filter_map(|sink| {
        let why = program::look_up(sink.translator.program()?).err()?;
        let (name, place) = (&sink.name, &sink.display);
        Some(format!("sink `{name}` ({place}) would fail here: {why}"))
    });
    told.collect()
}

/// What comes of it by then.
async fn in_time<T: From<Heard>>(deadline: Instant, trial: impl Future<Output = T>) -> T {
    let late = || Err(format!("no answer within {} s", LIMIT.as_secs())).into();
    timeout_at(deadline, trial).await.unwrap_or_else(|_| late())
}

/// Whether a queue could be opened on a server, if it is to be on one.
async fn ask_server(server: Option<&Server>, deadline: Instant) -> Option<(String, Heard)> {
    let server = server?.clone();
    let place = server.shown();
    let asked =
        tokio::task::spawn_blocking(move || server.try_out().map_err(|error| error.to_string()));
    let asked = async {
        let answer = asked.await;
        answer.unwrap_or_else(|error| Err(error.to_string()))
    };
    // No secret is in what a server is told to have said.
    let heard = cleaned(in_time(deadline, asked).await, str::to_owned);
    Some((place, heard))
}

/// One `GET /accounts`. The stream stays closed: a second one of the key would be refused, or would
/// be in the way of an instance that runs.
async fn ask_key(
    access: &RestAccess,
    client: &Client,
    budget: &Arc<Budget>,
    clock: &Clock,
) -> Told {
    let rest = match rest_of(access, client, budget, clock) {
        Ok(rest) => rest.urgent(),
        Err(error) => return Err(format!("{error:#}")).into(),
    };
    let answer = rest.accounts().await;
    let (heard, accounts) = key::judge(&answer, access.account_id.as_ref());
    let clean = |text: &str, chars| visible(text, chars, |text| access.without_credentials(text));
    Told {
        heard,
        accounts: accounts
            .into_iter()
            .map(|account| account.map(|text| clean(text, VALUE_CHARS_MAX)))
            .collect(),
        requests_left: budget.left(),
    }
}

/// Opens the stream, reads nothing of it, and closes it.
async fn open_stream(source: &Source) -> Heard {
    match source.connector.connect(&Cursor::Unknown).await {
        Ok(_) => Ok("an event stream answers".to_owned()),
        Err(end) => Err(words::fault(&end)),
    }
}

/// Puts a sink's questions, until one is answered badly.
async fn ask_sink(sink: &Sink, client: &Client) -> Heard {
    let reach = if sink.allow_link_local {
        Reach::LinkLocalToo
    } else {
        Reach::Guarded
    };
    let mut fine = Vec::new();
    for Question { request, read } in sink.translator.questions() {
        let reply = client.deliver(request, sink.timeout, reach).await;
        let reply = reply.map_err(|failure| failure.to_string())?;
        fine.push(read(&reply)?);
    }
    if let Some(program) = sink.translator.program() {
        program::look_up(program)?;
        fine.push("the program can be started".to_owned());
    }
    Ok(fine.join(", "))
}

fn named_source(source: &Source, kind: &str, told: Told) -> TriedSource {
    let hide = |text: &str| match &source.rest {
        Some(access) => access.without_credentials(text),
        None => text.to_owned(),
    };
    TriedSource {
        trial: Trial {
            name: source.name.clone(),
            kind: kind.to_owned(),
            place: host(&source.display_url),
            heard: cleaned(told.heard, hide),
        },
        accounts: told.accounts,
        requests_left: told.requests_left,
    }
}

fn named_sink(sink: &Sink, heard: Heard) -> Trial {
    Trial {
        name: sink.name.clone(),
        kind: sink.kind.to_owned(),
        place: sink.display.clone(),
        heard: cleaned(heard, |text| sink.without_credentials(text)),
    }
}

fn cleaned(heard: Heard, hide: impl Fn(&str) -> String) -> Heard {
    let clean = |text: String| visible(&text, REASON_CHARS_MAX, &hide);
    heard.map(clean).map_err(clean)
}

#[cfg(test)]
mod tests;
