//! The promises of the world, held over long runs.
//!
//! Its own file because they are about whole histories: each test lets a world live and then reads
//! what it said.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::*;

const SEEDS: u64 = 3;

fn world(seed: u64, pace: Pace, warm_start: bool) -> World {
    World::new(Setup {
        accounts: Vec::new(),
        seed,
        pace,
        warm_start,
    })
}

/// What a world says in this many steps.
fn history(seed: u64, pace: Pace, steps: usize) -> Vec<Happening> {
    let mut world = world(seed, pace, false);
    (0..steps).flat_map(|_| world.step()).collect()
}

fn text<'a>(happening: &'a Happening, name: &str) -> &'a str {
    let value = happening.data.get(name).and_then(Value::as_str);
    value.unwrap_or_else(|| panic!("{name} in {happening:?}"))
}

/// Hundredths, from the digits as they are printed.
fn cents(happening: &Happening, name: &str) -> i64 {
    let printed = happening.data[name].to_string();
    let (whole, part) = printed.split_once('.').expect("a decimal");
    assert_eq!(part.len(), 2, "{printed}");
    format!("{whole}{part}").parse().expect("digits")
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let steps = 400;
    for pace in [Pace::Calm, Pace::Lively] {
        assert_eq!(history(7, pace, steps), history(7, pace, steps));
        assert_ne!(history(7, pace, steps), history(8, pace, steps));
    }
}

#[test]
fn every_trade_that_executes_is_finalised_once_and_its_sums_match() {
    for seed in 0..SEEDS {
        let mut world = world(seed, Pace::Calm, false);
        let mut executed = HashSet::new();
        let mut finalized = HashSet::new();
        let mut sums: HashMap<String, (i64, u64)> = HashMap::new();
        let mut step = 0;
        // New trades are noted in the first part; the second part brings them to their end.
        while step < 1_500 || !executed.is_subset(&finalized) {
            assert!(step < 4_000, "a trade never ends: seed {seed}");
            for happening in world.step() {
                let trade = || text(&happening, "trade_id").to_owned();
                match happening.kind {
                    "trade_executed" if step < 1_500 => {
                        assert!(executed.insert(trade()), "executed twice");
                    }
                    "position_closed" => {
                        let sum = sums.entry(trade()).or_default();
                        sum.0 += cents(&happening, "realized_pl");
                        sum.1 += 1;
                    }
                    "trade_finalized" => {
                        let (sum, count) = sums.remove(&trade()).expect("closes before the end");
                        assert_eq!(cents(&happening, "realized_pl"), sum);
                        assert_eq!(happening.data["positions_closed"], count);
                        let status = text(&happening, "status");
                        let won = if sum >= 0 {
                            "closed_profit"
                        } else {
                            "closed_loss"
                        };
                        assert_eq!(status, won);
                        assert!(finalized.insert(trade()), "finalised twice");
                    }
                    _ => {}
                }
            }
            step += 1;
        }
        assert!(executed.len() > 10, "too quiet to say anything");
    }
}

#[test]
fn a_position_is_filled_then_hit_then_closed_and_nothing_after() {
    for seed in 0..SEEDS {
        let mut open: HashSet<String> = HashSet::new();
        let mut hit: HashSet<String> = HashSet::new();
        for happening in history(seed, Pace::Lively, 1_000) {
            match happening.kind {
                "order_fill" => assert!(open.insert(text(&happening, "position_id").to_owned())),
                "position_update" => assert!(open.contains(text(&happening, "id"))),
                "breakeven_set" => {
                    assert!(open.contains(text(&happening, "position_id")));
                    assert!(happening.data["signal"].is_null(), "always null");
                }
                "tp_hit" => {
                    let id = text(&happening, "position_id");
                    assert!(open.contains(id));
                    assert!(hit.insert(id.to_owned()), "hit twice");
                }
                "position_closed" => {
                    let id = text(&happening, "id");
                    assert!(open.remove(id), "closed and not open");
                    let by_target = text(&happening, "close_reason") == "tp";
                    assert_eq!(by_target, hit.remove(id), "a target closes what it hits");
                }
                _ => {}
            }
        }
        assert!(hit.is_empty(), "a hit without its close");
    }
}

#[test]
fn a_calm_market_is_mostly_updates_and_every_kind_of_end_occurs() {
    let told: Vec<Happening> = (0..SEEDS)
        .flat_map(|seed| history(seed, Pace::Calm, 2_000))
        .collect();
    let count = |kind: &str| told.iter().filter(|it| it.kind == kind).count();
    assert!(count("position_update") * 2 > told.len());
    for kind in [
        "order_fill",
        "trade_executed",
        "tp_hit",
        "breakeven_set",
        "breakeven_failed",
        "position_closed",
        "trade_finalized",
    ] {
        assert!(count(kind) > 0, "{kind} never happens");
    }
    let reasons: HashSet<&str> = told
        .iter()
        .filter(|it| it.kind == "position_closed")
        .map(|it| text(it, "close_reason"))
        .collect();
    assert_eq!(reasons, HashSet::from(["tp", "sl", "breakeven", "manual"]));
}

#[test]
fn a_warm_start_hits_its_first_target_at_the_third_step() {
    for seed in 0..SEEDS {
        let mut world = world(seed, Pace::Lively, true);
        let past = world.past();
        let fills = past.iter().filter(|it| it.kind == "order_fill").count();
        assert_eq!(fills, LEVELS * world.accounts().len());
        let first: Vec<usize> = (0..2).map(|_| world.step().len()).collect();
        assert_eq!(first, [1, 1], "a look at a time");
        let third = world.step();
        let kinds: Vec<&str> = third.iter().map(|it| it.kind).collect();
        assert_eq!(kinds[..3], ["tp_hit", "position_closed", kinds[2]]);
        assert!(kinds[2].starts_with("breakeven_"), "{kinds:?}");
    }
}

#[test]
fn a_lively_market_rings_every_few_events() {
    for seed in 0..SEEDS {
        let told = history(seed, Pace::Lively, 1_000);
        let rings = told.iter().filter(|it| it.kind == "tp_hit").count();
        assert!(rings * 12 > told.len(), "{rings} of {}", told.len());
    }
}

#[test]
fn payloads_have_the_recorded_shape_and_keep_their_digits() {
    let recorded = include_str!("../../../tests/fixtures/events.jsonl");
    let mut shapes: HashMap<String, Vec<HashSet<String>>> = HashMap::new();
    for line in recorded.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let kind = event["type"].as_str().expect("a type").to_owned();
        shapes.entry(kind).or_default().push(names(&event["data"]));
    }
    let now = Timestamp::from_second(1_750_000_000).expect("in range");
    for (id, happening) in (1..).zip(history(3, Pace::Calm, 3_000)) {
        let payload = happening.payload(id, now);
        let event: Value = serde_json::from_slice(&payload).expect("JSON");
        assert_eq!(event["eventId"], id);
        assert_eq!(event["timestamp"], "2025-06-15T15:06:40.000Z");
        let shape = names(&event["data"]);
        let known = &shapes[happening.kind];
        assert!(known.contains(&shape), "{} {shape:?}", happening.kind);
        if happening.kind == "position_closed" {
            let digits = match text(&happening, "symbol") {
                "XAUUSD" => 2,
                "EURUSD" => 5,
                _ => 3,
            };
            let price = happening.data["close_price"].to_string();
            assert_eq!(price.split_once('.').map(|it| it.1.len()), Some(digits));
        }
    }
}

fn names(data: &Value) -> HashSet<String> {
    let object = data.as_object();
    object
        .into_iter()
        .flat_map(|it| it.keys().cloned())
        .collect()
}

#[test]
fn uuids_have_the_usual_form() {
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..100 {
        let id = uuid(&mut rng);
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }
}
