//! Which configuration file, and what is made of it: the same for every command that reads one.

use std::io::IsTerminal;
use std::path::Path;

use super::{Exit, output};
use crate::app::{Plan, Refused};
use crate::config::{self, Loaded};

/// Finds, reads and makes the configuration.
///
/// # Errors
/// What is wrong with it, ready for a terminal; the exit status is then 2.
pub(super) fn load(file: Option<&Path>) -> Result<Plan, Refused> {
    made(file, Plan::make)
}

fn made(
    file: Option<&Path>,
    make: fn(Loaded, bool) -> Result<Plan, Refused>,
) -> Result<Plan, Refused> {
    let environment = config::process_environment();
    let file =
        config::find_file(file, &environment).map_err(|error| format!("bellwire: {error}"))?;
    let colour = std::io::stderr().is_terminal() && !environment.contains_key("NO_COLOR");
    make(config::load(&file, environment), colour)
}

/// The same for a command that puts no rules in force, so that `[[tests]]` are not run, and has nothing
/// else to say when it is wrong: the mistakes go to standard error, and the exit status is the answer.
pub(super) fn load_or_complain(file: Option<&Path>) -> Result<Plan, Exit> {
    made(file, Plan::make_untested).map_err(|refused| complain(&refused))
}

/// Says what is wrong with a configuration.
pub(super) fn complain(refused: &Refused) -> Exit {
    output::complain(&refused.report);
    Exit::Wrong
}
