//! The outside world on this machine: the TTMT API with its limits and faults, and a receiver of each
//! kind, for the demo, for tests and for people without an account.
//!
//! A room of its own so that it can be believed: it shares no code with the bridge it is used to judge,
//! neither the reading of the stream nor the writing of a message. It does not print and does not
//! decide what a test expects; it serves, remembers what it was asked, and does as it is told.

mod answer;
mod ledger;
#[cfg(test)]
mod plain;
pub mod receivers;
pub mod ttmt;
mod wire;
pub mod world;

pub use answer::{Answer, Manner};
