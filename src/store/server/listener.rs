//! The thread that hears from other instances that there may be work.
//!
//! What is heard says nothing: the queue alone tells what there is. So nothing is lost where nothing is heard,
//! it only comes later, when everybody looks anyway.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::super::StoreError;
use super::Server;

/// Time after which everybody looks, whatever was heard.
pub(super) const LOOK_ANYWAY: Duration = Duration::from_secs(10);

/// Wait before the server is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is told that there may be work.
pub(super) type Signs = Arc<[watch::Sender<u64>]>;

/// Tells these whatever is heard, until `closed`.
pub(super) fn serve(server: &Server, signs: &Signs, closed: &CancellationToken) {
    loop {
        if let Err(error) = listen(server, signs, closed) {
            tracing::debug!(%error, "other instances cannot be heard");
        }
        if closed.is_cancelled() {
            return;
        }
        // Also where a connection has ended in order: the next one may end as soon.
        std::thread::sleep(AGAIN);
    }
}

fn listen(server: &Server, signs: &Signs, closed: &CancellationToken) -> Result<(), StoreError> {
    let heard = Arc::clone(signs);
    let session = server.connect_and_hear(move || say(&heard))?;
    session.batch(&format!("LISTEN \"{}\"", server.channel()))?;
    while session.is_open() && !closed.is_cancelled() {
        // Also at first: whatever was said before is lost.
        say(signs);
        session.rest(server.look_anyway, closed.cancelled());
    }
    Ok(())
}

fn say(signs: &Signs) {
    for sign in signs.iter() {
        sign.send_modify(|count| *count = count.wrapping_add(1));
    }
}
