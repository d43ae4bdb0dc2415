//! bellwire

pub mod model;

pub mod clock;
pub mod config;
pub mod expr;
pub mod status;
pub mod telemetry;
pub mod transport;

pub mod retry;
pub mod rules;
pub mod sinks;
pub mod sources;
pub mod store;

pub mod admin;
pub mod dispatch;
pub mod intake;
pub mod simulator;
pub mod upkeep;

pub mod app;

pub mod cli;
