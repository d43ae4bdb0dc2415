//! The sign that something has arrived. Whoever shares a queue on a server may be given it at any time.

use tempfile::TempDir;

use super::*;

#[tokio::test]
async fn no_sign_is_given_for_what_was_there() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["a"], &[]).await;
    let sign = store.arrivals();
    store
        .accept(batch(&["a"], &["phone"]))
        .await
        .expect("accepts");
    let is_given = sign.has_changed().expect("the queue is there");
    assert!(!is_given, "a replay adds nothing");
}
