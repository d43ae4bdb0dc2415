//! Which configuration file, and what is made of it: the same for every command that reads one.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::failed::Failed;
use crate::app::{Plan, Refused};
use crate::config::{self, Config, HttpConfig, Loaded, Mistake};
use crate::telemetry::wants_colour;

/// Finds, reads and makes the configuration.
///
/// # Errors
/// What is wrong with it, ready for a terminal; the exit status is then 2.
pub(super) fn load(file: Option<&Path>) -> Result<Plan, Refused> {
    made(file, Plan::make)
}

fn made(
    file: Option<&Path>,
    make: impl FnOnce(Loaded, bool) -> Result<Plan, Refused>,
) -> Result<Plan, Refused> {
    let environment = config::process_environment();
    let file = config::find_file(file, &environment).map_err(|error| Refused {
        report: format!("bellwire: {error}"),
        mistakes: vec![Mistake::nowhere(error.to_string())],
        warnings: Vec::new(),
    })?;
    let colour = std::io::stderr().is_terminal() && wants_colour();
    make(config::load(&file, environment), colour)
}

/// The same for a command that puts no rules in force, so that `[[tests]]` are not run, and has nothing
/// else to say when it is wrong.
///
/// # Errors
/// The mistakes, which say all there is to say.
pub(super) fn load_or_fail(file: Option<&Path>) -> Result<Plan, Failed> {
    made(file, Plan::make_untested).map_err(Failed::from)
}

/// Where the queue is. Only what is wrong about that counts: a backup is also made by who has none of the
/// secrets.
///
/// # Errors
/// As [`load_or_fail`].
pub(super) fn data_dir(file: Option<&Path>) -> Result<PathBuf, Failed> {
    let (mut told, mut is_on_server) = (None, false);
    let plan = made(file, |loaded, colour| {
        is_on_server = loaded.is_on_server();
        told = loaded.data_dir().map(Path::to_owned);
        Plan::make_untested(loaded, colour)
    });
    if is_on_server {
        let failed = Failed::wrong("the queue is on a server, by `store` of the configuration");
        return Err(failed.help("back it up there, for example with `pg_dump`"));
    }
    match told {
        Some(data_dir) => Ok(data_dir),
        None => Ok(plan.map_err(Failed::from)?.config.data_dir),
    }
}

/// Where the running instance listens, and beside it what else is wrong: the instance may run with what the file was
/// like before, and is asked all the same. What is wrong tells more than that nobody answers.
///
/// # Errors
/// As [`load_or_fail`], where the mistakes are about this.
pub(super) fn http(file: Option<&Path>) -> Result<(HttpConfig, Option<Failed>), Failed> {
    let mut told = None;
    let plan = made(file, |loaded, colour| {
        told = loaded.http().cloned();
        Plan::make_untested(loaded, colour)
    });
    match (plan, told) {
        (Ok(plan), _) => Ok((plan.config.http, None)),
        (Err(refused), Some(http)) => Ok((http, Some(Failed::from(refused)))),
        (Err(refused), None) => Err(Failed::from(refused)),
    }
}

/// What is asked of the configuration as far as it can be read, right or not; nothing where there is none.
pub(super) fn named(
    file: Option<&Path>,
    names: impl FnOnce(&Config) -> Vec<String>,
) -> Vec<String> {
    let environment = config::process_environment();
    let config = config::find_file(file, &environment)
        .ok()
        .and_then(|file| config::load(&file, environment).config);
    config.as_ref().map(names).unwrap_or_default()
}

/// The same for a text that is to become this file.
///
/// # Errors
/// As [`load`].
pub(super) fn of_text(file: &Path, text: String) -> Result<Plan, Refused> {
    let environment = config::process_environment();
    let colour = std::io::stderr().is_terminal() && wants_colour();
    Plan::make(config::load_text(file, text, environment), colour)
}
