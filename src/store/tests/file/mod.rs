//! What can only be about a file: its log and its lock, the room it takes, damage, backups, older versions.

mod arrived;
mod backup;
mod bad_rows;
mod files;
mod flushes;
mod log;
mod looks;
mod making_room;
mod plans;
mod room;
mod space;
mod tags;
mod upgrades;

use super::*;
