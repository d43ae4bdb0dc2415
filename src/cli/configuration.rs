//! Which configuration file, and what is made of it: the same for every command that reads one.

use std::io::IsTerminal;
use std::path::Path;

use super::{Exit, output};
use crate::app::{Plan, Refused};
use crate::config;

/// Finds, reads and makes the configuration.
///
/// # Errors
/// What is wrong with it, ready for a terminal; the exit status is then 2.
pub(super) fn load(file: Option<&Path>) -> Result<Plan, Refused> {
    let environment = config::process_environment();
    let file =
        config::find_file(file, &environment).map_err(|error| format!("bellwire: {error}"))?;
    let colour = std::io::stderr().is_terminal() && !environment.contains_key("NO_COLOR");
    Plan::make(config::load(&file, environment), colour)
}

/// The same for a text that is to become this file.
///
/// # Errors
/// As [`load`].
pub(super) fn of_text(file: &Path, text: String) -> Result<Plan, Refused> {
    let environment = config::process_environment();
    let colour = std::io::stderr().is_terminal() && !environment.contains_key("NO_COLOR");
    Plan::make(config::load_text(file, text, environment), colour)
}

/// The same for a command that has nothing else to say when it is wrong: the mistakes go to standard
/// error, and the exit status is the answer.
pub(super) fn load_or_complain(file: Option<&Path>) -> Result<Plan, Exit> {
    load(file).map_err(|refused| {
        output::complain(&refused.report);
        Exit::Wrong
    })
}
