//! What every command's help has to say.

use clap::Command;

use super::*;

mod documents;

#[test]
fn the_version_has_its_commit_behind_it_where_there_is_one() {
    assert_eq!(version(""), env!("CARGO_PKG_VERSION"));
    let with = format!("{} (0123456789ab)", env!("CARGO_PKG_VERSION"));
    assert_eq!(version("0123456789ab"), with);
}

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
    command().debug_assert();
}

#[test]
fn every_help_has_a_sentence_and_a_few_examples_that_parse() {
    let mut seen = 0;
    each(&command(), &[], &mut |command, path| {
        seen += 1;
        assert!(command.get_about().is_some(), "{path:?} says nothing");
        let examples = examples(command);
        assert!((1..=3).contains(&examples.len()), "{path:?}: {examples:?}");
        for example in examples {
            let words: Vec<&str> = example.split_whitespace().collect();
            assert!(words[1..].starts_with(path), "{path:?}: {example}");
            if let Err(error) = super::command().try_get_matches_from(&words) {
                panic!("{example}: {error}");
            }
        }
    });
    assert!(seen > 15, "not all of them were looked at: {seen}");
}

#[test]
fn every_option_says_what_it_is_for() {
    each(&command(), &[], &mut |command, path| {
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(argument.get_help().is_some(), "{path:?}: {name}");
        }
    });
}

#[test]
fn every_help_ends_with_the_exit_statuses() {
    each(&command(), &[], &mut |command, path| {
        let help = command.clone().term_width(0).render_long_help();
        let help = help.to_string();
        let (_, told) = help.rsplit_once("\n\n").expect("parts");
        assert!(told.starts_with("Exit status: 0 "), "{path:?}: {told}");
        for status in [", 1 ", ", 2 "] {
            assert!(told.contains(status), "{path:?}: {told}");
        }
        assert_eq!(help.matches("Exit status: ").count(), 1, "{path:?}");
    });
}

#[test]
fn the_help_of_all_tells_every_exit_status() {
    let help = command().render_help().to_string();
    let (_, told) = help.split_once("Exit status: ").expect("is told");
    for status in ["0 done", "1 it failed", "2 wrong command line"] {
        assert!(told.contains(status), "{told}");
    }
}

#[test]
fn the_help_of_check_tells_of_every_kind_what_is_done_with_it() {
    let mut command = command();
    let check = command.find_subcommand_mut("check").expect("it is there");
    let help = check.render_long_help();
    let help = help.to_string();
    let (about, _) = help.split_once("\nUsage: ").expect("a usage");
    let sources = crate::sources::KINDS.iter().map(|kind| kind.name);
    for kind in crate::sinks::KINDS
        .iter()
        .map(|kind| kind.name)
        .chain(sources)
    {
        assert!(about.contains(&format!("`{kind}`")), "{kind}: {about}");
    }
}

#[test]
fn a_limit_is_a_number_from_1_on() {
    for (limit, is_right) in [
        ("1", true),
        ("50", true),
        ("0", false),
        ("-1", false),
        ("x", false),
    ] {
        let option = format!("--limit={limit}");
        match command().try_get_matches_from(["bellwire", "queue", &option]) {
            Ok(_) => assert!(is_right, "{limit}"),
            Err(error) => {
                assert!(!is_right, "{limit}: {error}");
                assert!(
                    error.to_string().contains(": a whole number, at least 1"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn json_is_asked_for_by_its_option_and_nothing_else() {
    assert!(output::wants_json(["bellwire", "queue", "--json"]));
    assert!(output::wants_json(["bellwire", "--json", "--nonsense"]));
    assert!(!output::wants_json(["bellwire", "tail", "--", "--json"]));
    assert!(!output::wants_json(["bellwire", "check", "--jsonx"]));
}
