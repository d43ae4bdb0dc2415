//! bellwire keeps a Server-Sent-Events stream open, keeps the events that rules ask for, and delivers
//! each one to webhooks, phones, brokers and programs through a queue on disk.
//!
//! This page is the map: the cast, the rooms, what always holds, and the walk of one event.
//!
//! # The cast
//!
//! | word | meaning | type |
//! |---|---|---|
//! | source | an upstream connection that yields events | [`sources::Source`] |
//! | event | one thing that happened, its payload kept byte for byte | [`model::Event`] |
//! | cursor | the last event id of a source that is safely on disk | [`model::Cursor`] |
//! | picture | who has told what of which trade, to find over REST what nobody has told | [`sources::picture::Picture`] |
//! | rule | which events go to which sinks, and how they read there | [`rules::Rules`] |
//! | route | one event to one sink, as a rule decided it | [`model::Route`] |
//! | sink | a place that deliveries go to | [`sinks::Sink`] |
//! | delivery | one event on its way to one sink, with a stable id | [`model::DeliveryId`] |
//! | bundle | several deliveries of a rule to a sink whose events go out in one message | [`model::Bundle`] |
//! | fallback | the sink that steps in for one that has not accepted a delivery | [`model::Fallback`] |
//! | key | what deliveries to one sink have in common that keep the order of the queue | [`model::Route`] |
//! | living notification | one that several deliveries change in turn, told apart by its key | [`model::Living`] |
//! | claim | a delivery that a lane has taken to send now | [`model::Claim`] |
//! | attempt | one request for a delivery, with its outcome | [`model::Attempt`] |
//! | verdict | what an answer, or its absence, means | [`model::Verdict`] |
//! | settlement | what an attempt does to its delivery and its lane | [`model::Settlement`] |
//! | lane | the part of `dispatch` that serves one sink | [`dispatch`] |
//! | probe | the one delivery that is tried to see whether a sink is back | [`dispatch`] |
//! | watch | which events may not be missing for how long | [`rules::Watch`] |
//! | instance | a process that works on a queue, perhaps with others | [`store::InstanceRow`] |
//! | duty | what one instance at a time does: a source, a sink, what is done once for all | [`store::Duty`] |
//! | notice | what bellwire says about itself; becomes an internal event | [`model::Notice`] |
//!
//! # The rooms
//!
//! A room is a file or a folder. It may use any lower floor, and never another room on its own floor,
//! so arrows only point down and no cycle can form. A test holds the tree to this table.
//!
//! | floor | room | in one line | sole home of |
//! |---|---|---|---|
//! | 5 | [`cli`] | parse the command line, call one command, print, choose the exit status | clap, the terminal |
//! | 4 | [`app`] | build every part from a configuration, start the tasks, stop them in order | signals |
//! | 3 | [`intake`] | source to store: keep a connection open, route events, commit them with the cursor; read over REST what the stream missed | |
//! | 3 | [`dispatch`] | store to sink: claim, send, judge, settle; a lane for each sink | governor |
//! | 3 | [`upkeep`] | notices and silences become internal events; old rows leave the disk | |
//! | 3 | [`heartbeat`] | a dead-man's switch outside is told that all is well, while an alert would get through | |
//! | 3 | [`admin`] | health, readiness, metrics, the pages and who may see them; the API and its description, and through it the queue by hand | axum, with `simulator`; hmac and sha2, with `sinks`; prometheus-client; utoipa |
//! | 3 | [`simulator`] | the TTMT API and local receivers, for demos and tests; knows nothing of the bridge | axum, with `admin` |
//! | 2 | [`rules`] | event in, routes out; compiled once, pure | |
//! | 2 | [`sinks`] | delivery to request, answer to verdict; pure translators, one for each kind; whether a captured webhook is genuine | hmac and sha2, with `admin` |
//! | 2 | [`retry`] | verdict and now to settlement; pure | backon |
//! | 2 | [`sources`] | one connection from a cursor to a named end; what to do after it; the TTMT REST calls | eventsource-client |
//! | 2 | [`store`] | the queue, in a file or on a server: accept, claim, settle, inspect; who leads what | SQLite, PostgreSQL |
//! | 2 | [`telemetry`] | log set-up; the steps of an event as spans, and their export | tracing-subscriber, opentelemetry |
//! | 1 | [`config`] | file and environment to one checked configuration; the schema of its form | figment; schemars, with `sinks` and `sources` |
//! | 1 | [`expr`] | expressions and templates over an event, bounded | minijinja |
//! | 1 | [`transport`] | one request within limits, over HTTP, to a broker or to a program; the open end of a stream | reqwest, the packets of MQTT |
//! | 1 | [`status`], [`clock`], [`crew`] | the shared snapshot; wall time; named tasks that can be exchanged | |
//! | 0 | [`model`] | the nouns | |
//!
//! # What always holds
//!
//! - The only way from an event to a sink is a row in the queue. There is no fast path. The test of a sink
//!   by hand is no event, and leaves no row.
//! - What a person does to the queue goes through the API, also on the files of a stopped instance.
//! - The cursor is never ahead of the deliveries it stands for: both are in one transaction.
//! - The picture of a source is never ahead of the events that it stands for: whoever takes something
//!   in, from the stream or from REST, has the turn until both are committed.
//! - A claim counts as an attempt when it is taken, so an event that ends the process every time becomes
//!   a dead letter. One that ends without a request gives its number back.
//! - Of the open deliveries of a sink with one key only the first can be claimed. What every delivery goes
//!   through keeps that so by itself; for whatever else ends or opens one, triggers in the queue's schema do.
//! - A bundle takes nothing more once its message has been claimed: every attempt tells the same. What is
//!   merged stays in the queue for as long as its message does.
//! - A fallback steps in once: its delivery comes into the queue in the transaction that ends the wait for it.
//! - What was told of a sink is kept until its end is told, over restarts and reloads.
//! - What a watch has heard is never ahead of the events in the queue, nor behind them, and a silence counts
//!   as told in the transaction that tells it.
//! - What happens to a sink costs its deliveries nothing: while it is away, one of them is tried at a
//!   time, and a try before its time uses no step of its ladder.
//! - A settlement applies only while its claim is the newest; a late one changes nothing.
//! - Each duty is one instance's at a time, by a lease. What is written for a duty that somebody else has by now
//!   is refused, in the same transaction in which it would be written.
//! - A dead letter is counted in the transaction that ends it, and told in the one that counts it as told.
//! - `rules`, `sinks` and `retry` are pure: no clock, no network, no randomness; those are arguments.
//! - An outcome is data. It is classified once, where the answer is seen, and never read back out of
//!   text.
//! - A secret prints as dots, and reaches no log line, row or page.
//! - Everything that comes from outside has a limit.
//! - The queue takes no more of the disk than it may. What is finished makes room; what is not delivered
//!   stays, and events wait upstream until there is room for them.
//! - A delivery keeps its id for as long as it is kept, and nothing that comes in after a start has one from
//!   before it, whichever copy of the queue it was started on.
//! - A queue is open at one of its homes at most: a move closes both before anything is carried, and all of it comes
//!   in one transaction.
//! - Who looks at the queue keeps nothing waiting: looks have a connection of their own, each is short, and
//!   what is shown of a backlog is counted as it changes, not when somebody looks.
//! - One row that cannot be read holds up no other; a damaged file ends the process and is left as it is.
//!
//! # The walk of one event
//!
//! 1. [`intake`] asks a source's connector for a connection from the stored cursor. Below it, the
//!    transport's byte stream passes through the block filter of [`sources`], which bounds memory and
//!    repairs what the stream library does not do, and then, but for the payloads, through that library.
//! 2. A frame becomes an [`model::Event`]: type, time, identity, and where in the payload `data`
//!    stands. The payload itself is never touched again.
//!    The picture hears it: it lends the event the names of what it is about, and recognises the late
//!    copy of what REST has told.
//! 3. [`rules`] names the routes. None is a normal answer; the event is stored all the same.
//! 4. [`store`] writes a batch in one transaction: events, a delivery for each route, waiting unless
//!    its rule's throttle has it end here or it joins the bundle of an earlier one, and the cursor. A batch is whatever had
//!    arrived when the one before was done, and while it is on its way to the disk, intake fills the next one with what
//!    arrives, unless a picture would be ahead too. It reads no further, which is also the back-pressure.
//!    A delivery whose lane has taken all that is due and has room is written as taken, and is in the lane's
//!    hand once the transaction is on disk: one flush from the socket to the request.
//! 5. For all others a nudge wakes the lanes. It carries nothing: after a restart there is none, and the queue
//!    alone must be enough.
//! 6. Each lane of [`dispatch`] claims what is due, as far as it has room: the urgent before the others, what
//!    is fresh before what is old, and every fourth time what has waited longest. It has as many in hand as it
//!    sends while the disk works, and none ahead where a sink is slow or has a pace.
//! 7. The sink encodes event and wording as a request that carries the delivery's id, the same on
//!    every attempt.
//! 8. [`transport`] carries it, by whatever carries its kind: time limit, no redirects, address check, the answer cut off while it is
//!    read.
//! 9. The sink judges the answer: delivered, retry, retry after N, dead, or suspend.
//! 10. [`retry`] turns the verdict into a settlement, which frees the place for the next request, and
//!     [`store`] writes it down with the attempt, with whatever else is written then. What 4 does is
//!     on the disk before anything else happens; what 6 does is with whatever is flushed next. Where nobody waits for
//!     what 10 does, it waits a moment for others of its kind, and is on the disk within 20 ms.
//!
//! An event that the stream missed comes by another door and walks on from 3: after a gap, [`intake`]
//! reads the REST API beside the stream, and what the picture finds that nobody has told becomes an
//! event with the stream's shape, marked as backfilled, with the same identity whenever it is found.
//!
//! | the process dies | what happens next |
//! |---|---|
//! | before 4 commits | the upstream replays from the cursor; what it cannot replay is found over REST |
//! | while a gap is being closed | the gap stands in the picture since when it began, and is closed at the next start |
//! | between 4 and 6 | the lane finds the row when it first looks |
//! | between 6 and 10 | the delivery is taken back at the next start and sent again with the same id |
//! | with the machine, between 6 and 20 ms after 10 | the delivery is taken back, or still waits, and is sent again with the same id |

pub mod model;

pub mod clock;
pub mod config;
pub mod crew;
pub mod expr;
pub mod status;
pub mod transport;

pub mod retry;
pub mod rules;
pub mod sinks;
pub mod sources;
pub mod store;
pub mod telemetry;

pub mod admin;
pub mod dispatch;
pub mod heartbeat;
pub mod intake;
pub mod simulator;
pub mod upkeep;

pub mod app;

pub mod cli;
