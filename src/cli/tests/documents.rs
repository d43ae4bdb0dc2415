//! Every command line in the documents is one that this program takes.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::command;

/// The README, the pages of the book, and what lies in `deploy`.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The command lines of bellwire's in a line of a block, or in the code of a line of text.
fn commands(line: &str, is_block: bool) -> Vec<&str> {
    if !is_block {
        let code = line.split('`').skip(1).step_by(2).filter_map(own);
        return code.filter(|line| !is_name(line)).collect();
    }
    let parts = line.split(" && ").flat_map(|part| part.split(" | "));
    let bare = parts.map(|part| {
        let part = part.trim_start_matches("$ ").trim_start_matches("sudo ");
        // In a container it has to be called by its place.
        part.find("/usr/local/bin/bellwire ")
            .map_or(part, |at| &part[at + "/usr/local/bin/".len()..])
    });
    bare.filter_map(own).collect()
}

/// A command line of bellwire's without what a shell does with it.
fn own(text: &str) -> Option<&str> {
    let is_own = text.starts_with("bellwire ") || text.starts_with("cargo run --release -- ");
    let ends = [" # ", " > ", " < ", " | ", "  "];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    let line = text[..end.unwrap_or(text.len())].trim_end();
    (is_own && !line.ends_with(" …")).then_some(line)
}

/// Whether this is the name of a command and nothing else, which stands in a text for all of its lines.
fn is_name(line: &str) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let all = command();
    words
        .try_fold(&all, |command, word| command.find_subcommand(word))
        .is_some()
}

/// Every command line that a form with `[…]` stands for: each choice taken once.
fn expanded(form: &str) -> Vec<String> {
    let Some((before, rest)) = form.split_once('[') else {
        return vec![form.to_owned()];
    };
    let (choices, after) = rest.split_once(']').expect("a bracket that is closed");
    let choices = choices
        .split('|')
        .map(|choice| choice.trim_end_matches('\\'));
    let each = choices.map(|choice| format!("{before}{choice}{after}"));
    each.flat_map(|form| expanded(&form)).collect()
}

fn taken(line: &str) -> Result<(), String> {
    let line = line.replacen("cargo run --release --", "bellwire", 1);
    let words = line.split_whitespace();
    match command().try_get_matches_from(words) {
        Err(error) if error.use_stderr() => Err(error.to_string()),
        // A help or the version is an answer, too.
        _ => Ok(()),
    }
}

#[test]
fn every_command_line_in_the_documents_is_taken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md")];
    for folder in ["docs/src", "deploy"] {
        documents(&root.join(folder), &mut paths);
    }
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in &paths {
        let text = fs::read_to_string(path).expect("a document");
        let mut is_block = false;
        for (at, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_block = !is_block;
                continue;
            }
            for form in commands(line, is_block) {
                for line in expanded(form) {
                    seen += 1;
                    if let Err(error) = taken(&line) {
                        wrong.push(format!("{}:{}: {line}\n{error}", path.display(), at + 1));
                    }
                }
            }
        }
    }
    assert!(seen > 80, "the command lines were not found: {seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_is_in_the_table_of_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/src/commands.md")).expect("the page");
    let command = command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    for name in names.filter(|name| *name != "help") {
        let row = format!("\n| `bellwire {name}");
        assert!(page.contains(&row), "{name} has no line");
    }
}

#[test]
fn command_lines_are_found_and_others_are_not() {
    assert_eq!(
        commands("$ bellwire queue show ID   # all of it", true),
        ["bellwire queue show ID"]
    );
    assert_eq!(
        commands("curl -N x | bellwire explain", true),
        ["bellwire explain"]
    );
    assert_eq!(
        commands("docker exec b /usr/local/bin/bellwire health && x", true),
        ["bellwire health"]
    );
    assert_eq!(commands("docker logs bellwire", true), Vec::<&str>::new());
    assert_eq!(
        commands(
            "`bellwire tail ttmt`, not `bellwire.gap`, by `bellwire queue show`",
            false
        ),
        ["bellwire tail ttmt"]
    );
    assert!(!is_name("bellwire queue shwo"));
    assert_eq!(
        expanded("bellwire queue [list\\|show ID] [--json]"),
        [
            "bellwire queue list --json",
            "bellwire queue show ID --json"
        ]
    );
    assert!(taken("bellwire send").is_err(), "a sink is needed");
    assert!(taken("bellwire tail --jsno").is_err());
}
