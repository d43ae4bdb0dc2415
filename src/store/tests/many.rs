//! Many at once, which go into a file several in a statement.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;

/// More than go into one statement, and some over.
const MANY: usize = 107;

fn ids() -> Vec<String> {
    (0..MANY).map(|id| id.to_string()).collect()
}

/// What was delivered by these claims, each with an answer of its own.
fn delivered(claims: &[Claim]) -> Arc<[Settled]> {
    let each = claims.iter().map(|claim| Settled {
        row: claim.row,
        alone: claim.alone,
        ended: Ended::Tried(Attempt {
            answer: Some(format!("answer to {}", claim.row)),
            ..attempt(claim.attempt, Outcome::Delivered)
        }),
        settlement: settlement(State::Delivered, now()),
    });
    each.collect()
}

#[tokio::test]
async fn res_3_a_replay_among_many_adds_nothing_wherever_it_stands() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["0", "40", "104"], &["phone"]).await;
    let mut ids = ids();
    // Twice in one batch, close by and far away.
    ids.insert(3, "2".to_owned());
    ids.push("70".to_owned());
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let accepted = store.accept(batch(&ids, &["phone", "hook"])).await;
    let accepted = accepted.expect("accepts");
    let new = MANY - 3;
    assert_eq!((accepted.new, accepted.repeated.len()), (new, 5));
    assert_eq!(accepted.deliveries, 2 * new);
    let told = |claims: Vec<Claim>| -> Vec<String> {
        let each = claims.into_iter().filter_map(|claim| claim.event.id);
        each.map(|id| id.to_string()).collect()
    };
    let expected: Vec<String> = (0..MANY)
        .map(|id| id.to_string())
        .filter(|id| !["0", "40", "104"].contains(&id.as_str()))
        .collect();
    let hook = claim(&store, "hook", now(), 2 * MANY).await;
    assert_eq!(told(hook), expected, "each once, and in order");
    let phone = claim(&store, "phone", now(), 2 * MANY).await;
    assert_eq!(told(phone)[3..], expected);
}

#[tokio::test]
async fn many_attempts_are_each_written_down_with_their_delivery() {
    let folder = TempDir::new().expect("a folder");
    let ids = ids();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let store = holding(&folder, &ids, &["phone"]).await;
    let claims = claim(&store, "phone", now(), MANY).await;
    // The number of this one's attempt was free again.
    let row = claims[17].row;
    let sql = format!(
        "INSERT INTO attempts (delivery, number, at, duration_us, outcome) VALUES ({row}, 1, 0, 0, 5)"
    );
    assert_eq!(change(&store, &sql).await, 1);
    let settled = store
        .settle_all(&name("phone"), delivered(&claims), Flush::Now)
        .await;
    assert_eq!(settled.expect("settles"), [true; MANY]);
    for claim in &claims {
        let attempts = store.attempts(claim.row).await.expect("reads");
        let answers = attempts.iter().map(|one| one.answer.clone());
        let expected = format!("answer to {}", claim.row);
        assert_eq!(answers.collect::<Vec<_>>(), [Some(expected)]);
    }
}

#[tokio::test]
async fn what_is_taken_at_once_need_not_stand_together_and_has_its_own_attempt() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let ids = ids();
    // Of five in a row the last two are for somebody else.
    for (place, id) in ids.iter().enumerate() {
        let sink = if place % 5 < 3 { "phone" } else { "hook" };
        store.accept(batch(&[id], &[sink])).await.expect("accepts");
    }
    let first = claim(&store, "phone", now(), 20).await;
    for one in &first {
        wait(&store, one, Wake::Never, now()).await;
    }
    let claims = claim(&store, "phone", now(), MANY).await;
    let phone = (0..MANY).filter(|place| place % 5 < 3);
    let mut rows: Vec<i64> = claims.iter().map(|claim| claim.row).collect();
    rows.sort_unstable();
    let expected = phone.clone().map(|place| place as i64 + 1);
    assert!(rows.into_iter().eq(expected), "all, and nobody else's");
    let again: Vec<i64> = first.iter().map(|claim| claim.row).collect();
    for claim in &claims {
        let attempt = if again.contains(&claim.row) { 2 } else { 1 };
        assert_eq!(claim.attempt, attempt, "of {}", claim.row);
    }
    let written = "SELECT attempts FROM deliveries WHERE state = 1 AND sink = 'phone' ORDER BY seq";
    let written = numbers(&store, written).await;
    let expected = phone.map(|place| {
        if again.contains(&(place as i64 + 1)) {
            2
        } else {
            1
        }
    });
    assert!(written.into_iter().eq(expected));
    let others =
        "SELECT attempts FROM deliveries WHERE sink = 'hook' AND (state <> 0 OR attempts <> 0)";
    assert!(numbers(&store, others).await.is_empty());
}

#[tokio::test]
async fn those_of_one_sink_stand_together_and_in_the_order_of_their_events() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &["phone", "hook"]).await;
    let phone = "SELECT seq FROM deliveries WHERE sink = 'phone' ORDER BY event";
    assert_eq!(numbers(&store, phone).await, [1, 2, 3]);
    let hook = "SELECT seq FROM deliveries WHERE sink = 'hook' ORDER BY event";
    assert_eq!(numbers(&store, hook).await, [4, 5, 6]);
}
