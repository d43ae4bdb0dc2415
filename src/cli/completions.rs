//! `bellwire completions`: what a shell needs to know to complete command lines.

use clap_complete::Shell;

use super::{Exit, output};

/// Print the completions of a shell, to be read by it at its start.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire completions bash > ~/.local/share/bash-completion/completions/bellwire
  bellwire completions zsh > ~/.zfunc/_bellwire
  bellwire completions fish > ~/.config/fish/completions/bellwire.fish

zsh has to look there: `fpath+=~/.zfunc` before `compinit` in ~/.zshrc.")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "bellwire", &mut script);
    output::text(&String::from_utf8_lossy(&script));
    Exit::Done
}
