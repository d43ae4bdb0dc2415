//! The request budget, as the client's obligations about it are judged.
//!
//! Its own file because time passes here: the clock is stopped for a jump only, since sockets do not
//! wait for a clock that stands still.

use super::*;

const ACCOUNTS: &str = "/api/v1/accounts";

async fn jump(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

fn left(reply: &Reply) -> u64 {
    let left = reply.header("x-ratelimit-remaining");
    left.expect("on every response").parse().expect("a number")
}

fn retry_after(reply: &Reply) -> Duration {
    assert_eq!(reply.status, 429, "{reply:?}");
    let wait = reply.header("retry-after").expect("a wait");
    Duration::from_secs(wait.parse().expect("whole seconds"))
}

async fn with_window(window: Window) -> Served {
    Served::start(Options { window, ..quiet() }).await
}

async fn spend(served: &Served, count: usize) {
    for _ in 0..count {
        assert_eq!(served.get(ACCOUNTS).await.status, 200);
    }
}

#[tokio::test]
async fn rate_1_the_thirty_first_request_in_a_minute_is_refused() {
    for (window, after) in [(Window::Fixed, 29), (Window::Sliding, 14)] {
        let served = with_window(window).await;
        spend(&served, 15).await;
        jump(Duration::from_secs(30)).await;
        spend(&served, 15).await;
        let refused = served.get(ACCOUNTS).await;
        assert!(retry_after(&refused) <= Duration::from_secs(30));
        jump(Duration::from_secs(31)).await;
        let reply = served.get(ACCOUNTS).await;
        assert_eq!((reply.status, left(&reply)), (200, after), "{window:?}");
        served.finish().await;
    }
}

#[tokio::test]
async fn rate_2_the_wait_is_as_long_as_it_says_and_a_refusal_makes_it_no_longer() {
    for window in [Window::Fixed, Window::Sliding] {
        let served = with_window(window).await;
        spend(&served, 30).await;
        let wait = retry_after(&served.get(ACCOUNTS).await);
        jump(wait - Duration::from_secs(5)).await;
        for path in [ACCOUNTS, "/api/v1/stream", "/api/v1/nowhere"] {
            assert!(retry_after(&served.get(path).await) <= Duration::from_secs(5));
        }
        jump(Duration::from_secs(5)).await;
        assert_eq!(served.get(ACCOUNTS).await.status, 200, "{window:?}");
        served.finish().await;
    }
}

#[tokio::test]
async fn rate_3_every_response_says_what_is_left() {
    let served = Served::quiet().await;
    let stream = served.stream("", &[]).await;
    let paths = [
        (ACCOUNTS, 200),
        ("/api/v1/trades", 200),
        ("/api/v1/trades?limit=0", 400),
        ("/api/v1/trades/none", 404),
        ("/api/v1/nowhere", 404),
        ("/api/v1/stream", 409),
    ];
    for ((path, status), expected) in paths.into_iter().cycle().zip((0..30).rev()) {
        let reply = served.get(path).await;
        assert_eq!((reply.status, left(&reply)), (status, expected), "{path}");
    }
    assert_eq!(left(&served.get(ACCOUNTS).await), 0);
    drop(stream);
    served.finish().await;
}

#[tokio::test]
async fn rate_4_a_connect_that_fails_is_charged_and_an_open_stream_is_not() {
    let served = Served::quiet().await;
    let stream = served.stream("", &[]).await;
    let reply = served.get(ACCOUNTS).await;
    assert_eq!(left(&reply), 29, "the open stream was free");
    assert_eq!(left(&served.get("/api/v1/stream").await), 28);
    served.handle.unavailable(Duration::from_secs(3_600)).await;
    drop(stream);
    served.freed().await;
    let down = served.get("/api/v1/stream").await;
    assert_eq!((down.status, left(&down)), (503, 27));
    let wrong = served.get("/api/v1/stream?account_id=7").await;
    assert_eq!((wrong.status, left(&wrong)), (400, 26));
    served.finish().await;
}

#[tokio::test]
async fn rate_5_what_another_key_asks_costs_nothing() {
    let served = Served::quiet().await;
    let other = ["Authorization: Bearer ttmt_live_another".to_owned()];
    for _ in 0..40 {
        let reply = ask(served.handle.addr, &format!("GET {ACCOUNTS}"), &other, "").await;
        assert_eq!((reply.status, left(&reply)), (401, 30));
    }
    assert_eq!(left(&served.get(ACCOUNTS).await), 29);
    served.finish().await;
}
