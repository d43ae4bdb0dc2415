//! From a configuration to a running bridge, and from a running bridge to a clean end.
//!
//! A room of its own because it is the only one that knows every part: it makes them, gives each the
//! handles that it needs, owns the tasks, and stops them in order. It decides nothing about events.

mod adapters;
mod by_hand;
mod expected;
pub mod explain;
mod following;
mod online;
mod plan;
mod rehearsal;
mod reload;
mod running;
mod signals;
mod unheard;
mod watch;

pub use by_hand::{stopped, stopped_or_new};
pub use online::{Trial, Tried, TriedSource, programs_not_here, try_online};
pub use plan::{Plan, Refused};
pub use reload::Reload;
pub use running::{Running, start};
pub use signals::stop_on_signals;
pub use watch::Watch;
