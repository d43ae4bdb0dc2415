//! Promises 1 to 4 over every order of steps that may be: accept, hand over, claim, send, settle, crash,
//! replay, restart of the upstream.
//!
//! The real queue on a real folder and the real source before it are led into every state that a reference
//! knows, up to a bound, and there take every step that is possible. After each, all that can be looked up is
//! held to the promises and to the reference. A crash is a copy of the file and its log as they are at that
//! moment, which is what `kill -9` leaves; where one step makes several commits, there is one after each.
//! By hand are the upstream, with the rules of its contract, and the lanes, which take, send and settle one
//! thing after the other. A crate for exploring models would explore a second model of the queue; what is
//! wanted of it here, the walk over a graph, is short.
//!
//! Each bound below says what may happen in all. But for the last one, which ends after so many steps, the
//! whole of it is explored: about 3,000 states and 6,600 steps, in some seconds. Larger bounds take some
//! minutes each: `TORTURE=whole cargo test --test it protocol`.
//!
//! Not explored are several requests in one transaction, keys, bundles, throttles and fallbacks, a crash while
//! the queue is being opened, and what REST finds out.

mod disk;
mod graph;
mod promises;
mod reference;
mod source;
mod steps;
mod upstream;
mod world;

use std::collections::VecDeque;

use graph::Graph;
use reference::Reference;
use steps::{Sink, Step};
use world::World;

/// What may happen in all, in any order.
#[derive(Clone, Copy, Debug)]
struct Bound {
    /// Where each event goes.
    sinks: &'static [Sink],
    /// So many steps may lead to a state from which all that are possible are taken.
    steps: usize,
    events: u8,
    crashes: u8,
    /// Connections that end.
    hangups: u8,
    /// New starts of the upstream.
    restarts: u8,
    /// Answers of the phone's receiver that it will take it later.
    laters: u8,
    /// Claims that are given back.
    backs: u8,
    /// Claims that have become too old.
    expiries: u8,
}

/// Nothing happens.
const NOTHING: Bound = Bound {
    sinks: &[],
    steps: usize::MAX,
    events: 0,
    crashes: 0,
    hangups: 0,
    restarts: 0,
    laters: 0,
    backs: 0,
    expiries: 0,
};

#[tokio::test(start_paused = true)]
async fn res_1_res_4_no_order_of_events_replays_and_crashes_loses_or_doubles_one() {
    let bound = Bound {
        events: 3,
        crashes: 1,
        hangups: 1,
        restarts: 1,
        ..NOTHING
    };
    let whole = Bound {
        events: 4,
        crashes: 2,
        hangups: 2,
        restarts: 2,
        ..bound
    };
    explore(bound, whole).await;
}

#[tokio::test(start_paused = true)]
async fn res_1_no_order_of_handing_over_and_crashes_repeats_more_than_was_in_flight() {
    let bound = Bound {
        sinks: &[Sink::Phone],
        events: 2,
        crashes: 1,
        laters: 1,
        ..NOTHING
    };
    let whole = Bound {
        events: 3,
        crashes: 2,
        expiries: 1,
        ..bound
    };
    explore(bound, whole).await;
}

#[tokio::test(start_paused = true)]
async fn res_1_no_order_of_claims_and_crashes_repeats_more_than_was_in_flight() {
    let bound = Bound {
        sinks: &[Sink::Desk],
        events: 2,
        crashes: 1,
        ..NOTHING
    };
    let whole = Bound {
        events: 3,
        backs: 1,
        ..bound
    };
    explore(bound, whole).await;
}

#[tokio::test(start_paused = true)]
async fn res_1_two_sinks_of_one_event_have_each_their_own_delivery_in_any_order() {
    let bound = Bound {
        sinks: &[Sink::Phone, Sink::Desk],
        events: 1,
        crashes: 1,
        ..NOTHING
    };
    let whole = Bound {
        events: 2,
        restarts: 1,
        ..bound
    };
    explore(bound, whole).await;
}

#[tokio::test(start_paused = true)]
async fn res_1_nothing_that_may_happen_at_all_breaks_a_promise_in_so_many_steps() {
    let bound = Bound {
        sinks: &[Sink::Phone, Sink::Desk],
        steps: 6,
        events: 3,
        crashes: 2,
        hangups: 1,
        restarts: 1,
        laters: 1,
        backs: 1,
        expiries: 1,
    };
    let whole = Bound { steps: 9, ..bound };
    explore(bound, whole).await;
}

/// Takes every step from every state at least once, and looks at what came of it.
async fn explore(bound: Bound, whole: Bound) {
    let bound = match std::env::var_os("TORTURE") {
        None => bound,
        Some(_) => whole,
    };
    let mut graph = Graph::new(&bound);
    graph.always_comes_to_an_end();
    assert!(graph.steps() > 1_000, "hardly anything may happen");
    let empty = world::empty().await;
    while let Some(target) = graph.unfinished() {
        let first = World::start(disk::copy(empty.path()), bound.sinks).await;
        // Whoever crashes is left behind and goes on later, so that nobody has to come there again.
        let mut worlds = vec![(first, 0)];
        let mut way = VecDeque::from(graph.way_to(target));
        while let Some((mut world, at)) = worlds.pop() {
            if way.is_empty() {
                way.extend(graph.way_on(at));
            }
            let Some(choice) = way.pop_front() else {
                world.end().await;
                continue;
            };
            let (step, next) = graph.nodes[at].steps[choice];
            let is_new = graph.take(at, choice);
            let (before, after) = (&graph.nodes[at].reference, &graph.nodes[next].reference);
            if step == Step::Crash {
                let crashed = world.crashed().await;
                worlds.push((world, at));
                world = crashed;
            }
            if let Err(wrong) = take(&mut world, before, step, after, is_new).await {
                panic!(
                    "{wrong}\n{step:?} led to it, for instance after {:#?}",
                    graph.story(at)
                );
            }
            worlds.push((world, next));
        }
    }
}

/// Takes a step, and looks at what came of it unless that was seen before.
async fn take(
    world: &mut World,
    before: &Reference,
    step: Step,
    after: &Reference,
    is_new: bool,
) -> Result<(), String> {
    let commits = world.commits().len();
    world.step(before, step, after).await?;
    if !is_new {
        return Ok(());
    }
    let made = world.commits().split_off(commits);
    for end in made.iter().rev().skip(1) {
        world.judge_cut(*end, before, after).await?;
    }
    world.judge(after).await
}
