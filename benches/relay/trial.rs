//! One run: a feed, a relay in a fresh folder, a receiver, and what came of it.

use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use super::options::Bench;
use super::process::{Process, Role};
use super::relay::{self, KIND, Relay, Rules, Way};
use super::server::Schema;

/// How long a relay that has connected gets to come to rest, and one that has delivered to write that down.
const REST: Duration = Duration::from_millis(500);

/// How long instances get to share what there is to do.
const SHARING: Duration = Duration::from_secs(8);

/// Longest run, in seconds.
const SECONDS_MAX: u64 = 600;

/// What is relayed.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Events in a second; 0 for as fast as they are read.
    pub(crate) rate: u64,
    /// Type of all events but the last.
    pub(crate) kind: &'static str,
    /// Type of the last event.
    pub(crate) last: &'static str,
    pub(crate) sinks: usize,
    pub(crate) rules: Rules,
    /// Where it is more than one, the first is [`LOUD`], and the others share the events.
    pub(crate) sources: u64,
    pub(crate) loud: Loud,
    /// The feed ends each connection after so many seconds; 0 for never.
    pub(crate) recycle: u64,
    /// How long bellwire keeps what is finished.
    pub(crate) keep: &'static str,
    /// Whether the relay's disk is slow.
    pub(crate) slow: bool,
    pub(crate) home: Home,
}

/// Where bellwire has its queue.
#[derive(Clone, Copy)]
pub(crate) enum Home {
    /// In a file of its one instance.
    File,
    /// On the server that the bench was told of, shared by so many instances.
    Server(usize),
}

impl Home {
    const fn instances(self) -> usize {
        match self {
            Self::File => 1,
            Self::Server(instances) => instances,
        }
    }
}

/// What the first of many sources does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loud {
    /// It is as quiet as can be.
    Silent,
    /// As many events as are read, and no rule wants them.
    Unwanted,
    /// As many events as are read, each for a sink of their own.
    Wanted,
}

impl Load {
    /// So many events, all of which go to one sink, as fast as they are read.
    pub(crate) const fn of(events: u64) -> Self {
        Self {
            events,
            bytes: 300,
            rate: 0,
            kind: KIND,
            last: KIND,
            sinks: 1,
            rules: Rules::One,
            sources: 1,
            loud: Loud::Silent,
            recycle: 0,
            keep: "7d",
            slow: false,
            home: Home::File,
        }
    }

    /// How many deliveries that makes.
    pub(crate) fn deliveries(&self) -> u64 {
        match self.kind {
            KIND => self.events * self.sinks as u64,
            _ => self.sinks as u64,
        }
    }

    /// The feed of it.
    pub(crate) fn feed(&self) -> Role {
        let Self {
            events,
            bytes,
            rate,
            kind,
            last,
            recycle,
            ..
        } = self;
        let (shares, is_loud) = (self.sources.max(2) - 1, self.loud != Loud::Silent);
        let options = [
            format!("events={events}"),
            format!("bytes={bytes}"),
            format!("rate={rate}"),
            format!("kind={kind}"),
            format!("last={last}"),
            format!("recycle={recycle}"),
            format!("shares={shares}"),
            format!("loud={is_loud}"),
        ];
        Role::start("feed", &options)
    }
}

/// What came of a run.
pub(crate) struct Outcome {
    /// From the first event that was made to the last arrival, in seconds.
    pub(crate) seconds: f64,
    /// Seconds that the relay had a core meanwhile.
    pub(crate) cpu: f64,
    /// Memory before and at most, in MB.
    pub(crate) idle: f64,
    pub(crate) peak: f64,
    /// From made to arrived, in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Deliveries behind a later one of their account.
    pub(crate) late: u64,
}

/// A feed that is ready to go, a relay that has connected to it, and the receiver.
pub(crate) struct Set {
    pub(crate) feed: Role,
    pub(crate) receiver: Role,
    /// For what the loud source sends, so that no receiver is busy with two things.
    aside: Option<Role>,
    pub(crate) relay: Process,
    /// The other instances of it, where there are several.
    fellows: Vec<Process>,
    /// Where its queue is on a server. Those who use it are gone before it is.
    schema: Option<Schema>,
    pub(crate) folder: TempDir,
    who: Relay,
    load: Load,
    marker: bool,
}

impl Set {
    pub(crate) fn up(bench: &Bench, who: Relay, load: Load, marker: bool) -> Self {
        let (mut feed, receiver) = (load.feed(), Role::start("receiver", &[]));
        let folder = TempDir::new_in(&bench.folder).expect("a folder");
        let aside = (load.loud == Loud::Wanted).then(|| Role::start("receiver", &[]));
        let schema = matches!(load.home, Home::Server(_)).then(|| Schema::new(bench));
        let way = Way {
            feed: &feed.address,
            receiver: &receiver.address,
            aside: aside.as_ref().map(|role| role.address.as_str()),
            load: &load,
            marker,
            schema: schema.as_ref(),
        };
        let relay = relay::start(who, folder.path(), &way);
        let fellows = (1..load.home.instances()).map(|number| {
            let own = folder.path().join(number.to_string());
            std::fs::create_dir(&own).expect("a folder");
            relay::start(who, &own, &way)
        });
        let fellows: Vec<Process> = fellows.collect();
        for _ in 0..load.sources {
            feed.hear("connected");
        }
        sleep(if fellows.is_empty() { REST } else { SHARING });
        Self {
            feed,
            receiver,
            aside,
            relay,
            fellows,
            schema,
            folder,
            who,
            load,
            marker,
        }
    }

    /// Starts the relay anew, which has been killed or has ended.
    pub(crate) fn restart(&mut self) {
        let way = Way {
            feed: &self.feed.address,
            receiver: &self.receiver.address,
            aside: self.aside.as_ref().map(|role| role.address.as_str()),
            load: &self.load,
            marker: self.marker,
            schema: self.schema.as_ref(),
        };
        self.relay = relay::start(self.who, self.folder.path(), &way);
    }

    /// Lets the feed begin; answers when that was, in seconds since 1970.
    #[expect(clippy::cast_precision_loss, reason = "a fraction of a microsecond")]
    pub(crate) fn go(&mut self) -> f64 {
        self.feed.tell("go");
        let begun: u64 = self.feed.hear("begun").parse().expect("a number");
        begun as f64 / 1e9
    }

    /// Seconds that all instances of the relay have had a core.
    pub(crate) fn cpu(&self) -> f64 {
        self.relay.cpu() + self.fellows.iter().map(Process::cpu).sum::<f64>()
    }

    /// What the relay has put on the disk is there by now.
    pub(crate) fn rest(&self) {
        sleep(REST);
    }
}

/// Relays a load.
pub(crate) fn run(bench: &Bench, who: Relay, load: Load) -> Outcome {
    let mut set = Set::up(bench, who, load, false);
    let (idle, before) = (set.relay.memory("VmRSS"), set.cpu());
    let begun = set.go();
    let wanted = load.deliveries();
    let report = set.receiver.wait(wanted, SECONDS_MAX);
    set.rest();
    let distinct = report.get("distinct");
    if distinct < wanted {
        let log = std::fs::read_to_string(set.folder.path().join("log"));
        panic!(
            "{} has delivered {distinct} of {wanted}; it says\n{}",
            who.name(),
            log.unwrap_or_default()
        );
    }
    Outcome {
        seconds: report.seconds("last") - begun,
        cpu: set.cpu() - before,
        idle,
        peak: set.relay.memory("VmHWM"),
        p50: report.seconds("p50") * 1000.0,
        p99: report.seconds("p99") * 1000.0,
        late: report.get("late"),
    }
}
