//! The command line: parse it, call one command, print, choose the exit status.
//!
//! A room of its own, on the top floor, so that nothing below prints or exits. Results go to standard
//! output, logs and complaints to standard error. Exit status: 0 done, 1 it failed, 2 bad command line
//! or configuration. Each command is a file with its `Args` and its `run`.

mod check;
mod completions;
mod configuration;
mod demo;
mod explain;
mod health;
mod init;
mod instance;
mod look;
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

use clap::{Parser, Subcommand};

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
    Replay(replay::Args),
    Send(send::Args),
    Tail(tail::Args),
    Verify(verify::Args),
    Completions(completions::Args),
    Schema(schema::Args),
}

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

/// Runs the program and answers with its exit status.
#[must_use]
pub fn main() -> ExitCode {
    let line = Line::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return output::failed(&anyhow::Error::new(error).context("the runtime cannot start"));
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
        Err(error) => output::failed(&error),
    }
}

#[cfg(test)]
mod tests;
