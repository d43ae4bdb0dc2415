//! How long nobody had a duty, which whoever takes it over is told.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_over_knows_for_how_long_nobody_had_it() {
    let Some(address) = address() else { return };
    let folder = TempDir::new().expect("a folder");
    let schema = schema(&folder);
    let first = connect(&address, &schema).expect("connects");
    let second = connect(&address, &schema).expect("connects");
    let (one, hold) = taken(&first).await;
    assert_eq!(one.idle(), None, "nobody ever had it");
    let before = std::time::Instant::now();
    drop(hold);
    let (two, hold) = taken(&second).await;
    let idle = two.idle().expect("the first had it");
    assert!(
        idle <= before.elapsed() + Duration::from_millis(1),
        "{idle:?}"
    );
    drop(hold);
    second.close().await;
    let server = beside(&address, &folder).await;
    let back = "UPDATE leases SET until = until - INTERVAL '100 seconds'";
    server.batch_execute(back).await.expect("changes");
    let (three, _hold) = taken(&first).await;
    let idle = three.idle().expect("the second had it");
    assert!(idle >= Duration::from_secs(100), "{idle:?}");
    first.close().await;
}
