//! Sources that never answer, under a paused clock.

use super::*;

#[tokio::test(start_paused = true)]
async fn who_never_answers_costs_20_seconds_and_no_more() {
    let start = Instant::now();
    let deadline = start + LIMIT;
    let trials = (0..3).map(|_| in_time(deadline, std::future::pending::<Heard>()));
    let heard: Vec<Heard> = stream::iter(trials).buffered(1).collect().await;
    assert_eq!(heard, vec![Err("no answer within 20 s".to_owned()); 3]);
    assert_eq!(start.elapsed(), LIMIT, "all of them together");
}
