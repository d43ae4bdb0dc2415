//! What the operating system tells the process.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit status of a process that was told to stop a second time.
const IMPATIENT: i32 = 1;

/// A token that SIGTERM and SIGINT cancel. A second one of them ends the process at once.
///
/// # Errors
/// What the system says when signals cannot be watched.
pub fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if cancelled.is_cancelled() {
                std::process::exit(IMPATIENT);
            }
            tracing::info!("stopping; a second signal ends the process at once");
            cancelled.cancel();
        }
    });
    Ok(stop)
}
