//! The command line: parse it, call one command, print, choose the exit status.
//!
//! A room of its own, on the top floor, so that nothing below prints or exits. Results go to standard
//! output, logs and complaints to standard error. Exit status: 0 done, 1 it failed, 2 bad command line
//! or configuration. Each command is a file with its `Args` and its `run`; one that fails answers with why,
//! and what is printed of it, for people or as JSON, is decided here.

mod backup;
mod check;
mod completions;
mod configuration;
mod demo;
mod explain;
mod failed;
mod health;
mod init;
mod instance;
mod look;
mod memory;
mod output;
mod progress;
mod queue;
mod replay;
mod run;
mod schema;
mod send;
mod simulate;
mod table;
mod tail;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::failed::Failed;

/// Keeps a Server-Sent-Events stream open, keeps the events that rules ask for, and delivers each one,
/// signed, to webhooks, Discord, Slack, ntfy, Telegram, MQTT and programs through a queue on disk.
#[derive(Debug, Parser)]
#[command(
    name = "bellwire",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  bellwire demo
  bellwire check --online
  bellwire run

Exit status: 0 done (healthy, delivered, valid), 1 it failed (unhealthy, refused, a bad line of input), \
2 wrong command line or configuration. Results go to standard output, logs and complaints to standard \
error. Each command has a help of its own."
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Check(check::Args),
    Demo(demo::Args),
    Init(init::Args),
    Explain(explain::Args),
    Simulate(simulate::Args),
    Health(health::Args),
    Queue(queue::Args),
    Backup(backup::Args),
    Replay(replay::Args),
    Send(send::Args),
    Tail(tail::Args),
    Verify(verify::Args),
    Completions(completions::Args),
    Schema(schema::Args),
}

/// The exit statuses of a command that says nothing else about them.
const STATUSES: &str = "0 done, 1 it failed, 2 wrong command line or configuration.";

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, healthy, valid.
    Done,
    /// It failed while running.
    Failed,
    /// The command line or the configuration is wrong.
    Wrong,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Wrong => Self::from(2),
        }
    }
}

/// Runs the program and answers with its exit status. `commit` is what it was built from, empty where that is not
/// known; `--version` has it behind the version.
#[must_use]
pub fn main(commit: &str) -> ExitCode {
    memory::shut();
    let is_json = output::wants_json(std::env::args_os());
    let line = match parsed(commit) {
        Ok(line) => line,
        Err(error) if error.use_stderr() => return misspelt(&error, is_json),
        // Help is a result.
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = anyhow::Error::new(error).context("the runtime cannot start");
            return output::failed(&error.into(), is_json);
        }
    };
    let result = runtime.block_on(async {
        match line.command {
            Command::Run(args) => Box::pin(run::run(args)).await,
            Command::Check(args) => Box::pin(check::run(args)).await,
            Command::Demo(args) => Box::pin(demo::run(args)).await,
            Command::Init(args) => Box::pin(init::run(args)).await,
            Command::Explain(args) => explain::run(args).await,
            Command::Simulate(args) => Box::pin(simulate::run(args)).await,
            Command::Health(args) => health::run(args).await,
            Command::Queue(args) => Box::pin(queue::run(args)).await,
            Command::Backup(args) => backup::run(&args),
            Command::Replay(args) => Box::pin(replay::run(args)).await,
            Command::Send(args) => Box::pin(send::run(args)).await,
            Command::Tail(args) => Box::pin(tail::run(args)).await,
            Command::Verify(args) => verify::run(args),
            Command::Completions(args) => Ok(completions::run(&args)),
            Command::Schema(args) => schema::run(args),
        }
    });
    // What a command left behind, such as a read from standard input, must not keep the process alive.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(error) => output::failed(&error.into(), is_json),
    }
}

fn parsed(commit: &str) -> clap::error::Result<Line> {
    let matches = command().version(version(commit)).try_get_matches()?;
    Line::from_arg_matches(&matches)
}

/// What `--version` says behind the name.
fn version(commit: &str) -> String {
    match commit {
        "" => env!("CARGO_PKG_VERSION").to_owned(),
        commit => concat!(env!("CARGO_PKG_VERSION"), " (").to_owned() + commit + ")",
    }
}

/// The command line, with the exit statuses at the end of every help.
fn command() -> clap::Command {
    Line::command().mut_subcommands(|command| tell_statuses(command, STATUSES))
}

/// Adds the exit statuses to each help that has none of its own; a command of a command has those above it.
fn tell_statuses(command: clap::Command, above: &str) -> clap::Command {
    let help = command
        .get_after_long_help()
        .or(command.get_after_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let own = help
        .split_once("Exit status: ")
        .map(|(_, own)| own.to_owned());
    let is_told = own.is_some();
    let statuses = own.unwrap_or_else(|| above.to_owned());
    let command = match is_told {
        true => command,
        false => command.after_help(format!("{help}\n\nExit status: {statuses}")),
    };
    command.mut_subcommands(|inner| tell_statuses(inner, &statuses))
}

/// A command line that is wrong, told in clap's own words.
fn misspelt(error: &clap::Error, is_json: bool) -> ExitCode {
    // It has the colours of the terminal there is; where there is none it has nobody to tell.
    drop(error.print());
    if is_json {
        let text = error.render().to_string();
        let said = text.strip_prefix("error: ").unwrap_or(&text);
        let end = ["\n\nUsage:", "\n\nFor more information"];
        let end = end.iter().filter_map(|it| said.find(it)).min();
        let said = &said[..end.unwrap_or(said.len())];
        output::tell(&Failed::wrong(said.trim_end()));
    }
    Exit::Wrong.into()
}

#[cfg(test)]
mod tests;
