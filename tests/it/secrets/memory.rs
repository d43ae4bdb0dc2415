//! What a crash leaves behind.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use super::marks::HUSH;
use crate::harness::Bridge;

/// Lets the program behind it leave as much as it wants.
const UNLIMITED: [&str; 4] = ["/bin/sh", "-c", "ulimit -c unlimited; exec \"$@\"", "sh"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_no_core_dump() {
    let mut bridge = Bridge::new(&format!(
        "http = {{ listen = \"127.0.0.1:0\", token = \"{HUSH}\" }}\n[sources.feed]\nkind = \"sse\"\nurl = \"http://127.0.0.1:1/\"\n"
    ))
    .wrapped(&UNLIMITED)
    .token(HUSH);
    bridge.start();
    assert_eq!(bridge.page("/healthz").await.status, 200);
    bridge.signal("ABRT");
    let status = bridge.ended().await;
    assert_eq!(status.signal(), Some(6), "{status:?}");
    assert!(!status.core_dumped(), "{status:?}");
    let left = fs::read_dir(bridge.folder()).expect("a folder");
    let names = left.map(|entry| entry.expect("an entry").file_name());
    let cores = names.filter(|name| name.to_string_lossy().contains("core"));
    assert_eq!(cores.count(), 0);
}
