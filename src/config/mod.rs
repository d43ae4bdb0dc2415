//! Files and environment in, one checked [`Config`] out.
//!
//! A room of its own so that layers, spans and suggestions stay in one place. It knows the keys that
//! every source and sink shares; the options of one kind are read by the room that knows the kind,
//! through a [`Table`] that reports to the same list of problems. It opens no data folder, connects
//! to nothing, and reads the process environment only through what it is given.

mod document;
#[cfg(test)]
pub(crate) mod example;
mod problem;
mod scalar;
mod settings;
mod table;

pub use problem::{Part, Problem, Problems};
pub use settings::{
    Backfilled, CoalesceConfig, Config, FallbackConfig, HeartbeatConfig, HoursConfig, HttpConfig,
    LogConfig, LogFormat, RetentionConfig, RuleConfig, SinkConfig, SourceConfig, TestConfig,
    ThrottleConfig, WatchConfig,
};
pub use table::Table;
