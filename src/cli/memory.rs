//! Nobody else gets to read the memory of this process, which holds the secrets of the configuration.
//!
//! A file of its own because it is about the process and no command of it. A crash leaves no core dump, whatever
//! the system does with those, and other processes of the same user may neither trace this one nor read its
//! memory and environment under `/proc`. Programs that it starts are not affected.

/// Shuts the memory of this process. Where the system has no such means nothing happens.
pub(super) fn shut() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // It fails only for behaviours that the system does not know, and then everything is as it was.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
