//! What every command's help has to say.

use clap::{Command, CommandFactory};

use super::*;

/// Calls something with every command and the words that lead to it.
fn each(command: &Command, path: &[&str], check: &mut impl FnMut(&Command, &[&str])) {
    check(command, path);
    for inner in command
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
    {
        each(inner, &[path, &[inner.get_name()]].concat(), check);
    }
}

/// The command lines of bellwire's among the examples of a help, without what a shell does with them.
fn examples(command: &Command) -> Vec<String> {
    let long = command.get_after_long_help();
    let help = long.or(command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().filter_map(|line| {
        let (before, rest) = line.split_at(line.find("bellwire ")?);
        let is_command = ["", "$", "Example:"].contains(&before.trim()) || before.ends_with("| ");
        let rest = [" > ", " < ", " | "].iter().fold(rest, |rest, end| {
            rest.split_once(end).map_or(rest, |(line, _)| line)
        });
        is_command.then(|| rest.to_owned())
    });
    lines.collect()
}

#[test]
fn the_command_line_is_well_formed() {
    Line::command().debug_assert();
}

#[test]
fn every_help_has_a_sentence_and_a_few_examples_that_parse() {
    let mut seen = 0;
    each(&Line::command(), &[], &mut |command, path| {
        seen += 1;
        assert!(command.get_about().is_some(), "{path:?} says nothing");
        let examples = examples(command);
        assert!((1..=3).contains(&examples.len()), "{path:?}: {examples:?}");
        for example in examples {
            let words: Vec<&str> = example.split_whitespace().collect();
            assert!(words[1..].starts_with(path), "{path:?}: {example}");
            if let Err(error) = Line::command().try_get_matches_from(&words) {
                panic!("{example}: {error}");
            }
        }
    });
    assert!(seen > 15, "not all of them were looked at: {seen}");
}

#[test]
fn every_option_says_what_it_is_for() {
    each(&Line::command(), &[], &mut |command, path| {
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(argument.get_help().is_some(), "{path:?}: {name}");
        }
    });
}

#[test]
fn the_help_of_all_tells_every_exit_status() {
    let help = Line::command().render_help().to_string();
    let (_, told) = help.split_once("Exit status: ").expect("is told");
    for status in ["0 done", "1 it failed", "2 wrong command line"] {
        assert!(told.contains(status), "{told}");
    }
}
