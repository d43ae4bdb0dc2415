//! The documentation held against the program: what it shows is taken, what it prints is printed, and what
//! it points at is there. The command lines in it are parsed beside the command line, in `cli`.
//!
//! With `BELLWIRE_DOCS=write` in the environment, what is made from the program is written anew in place of
//! being compared: the configuration reference and what the recipes print.

mod blocks;
mod limits;
mod links;
mod names;
mod recipes;
mod reference;
mod sheet;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use blocks::files;

/// Variables that the documents name and the example does not.
const VARIABLES: [(&str, &str); 1] = [(
    "WEBHOOK_SECRET_NEW",
    "whsec_YW5vdGhlciBzZWNyZXQgdGhhdCBvbmx5IHRlc3RzIGtub3c=",
)];

/// A document, by its path in the repository.
struct Page {
    path: PathBuf,
    text: String,
}

/// A fenced block of a document.
struct Block<'a> {
    /// The language behind the fence.
    language: &'a str,
    /// The line of the fence, from 1 on.
    line: usize,
    text: String,
}

impl Page {
    /// Its fenced blocks, in their order.
    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut is_open = false;
        for (at, line) in self.text.lines().enumerate() {
            match line.trim_start().strip_prefix("```") {
                Some(_) if is_open => is_open = false,
                Some(language) => {
                    is_open = true;
                    blocks.push(Block {
                        language,
                        line: at + 1,
                        text: String::new(),
                    });
                }
                None if is_open => {
                    let block = blocks.last_mut().expect("one is open");
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => {}
            }
        }
        assert!(!is_open, "{}: a fence stays open", self.path.display());
        blocks
    }

    /// Its first block in a language.
    fn block(&self, language: &str) -> String {
        let blocks = self.blocks();
        let mut found = blocks.into_iter().filter(|one| one.language == language);
        let found = found.next();
        found
            .unwrap_or_else(|| panic!("{} has no {language}", self.path.display()))
            .text
    }

    /// Its lines outside of fenced blocks, each with its number.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_open = false;
        self.text.lines().enumerate().filter_map(move |(at, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_open ^= is_fence;
            (!is_open && !is_fence).then_some((at + 1, line))
        })
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README, the book and what lies in `deploy`.
fn pages() -> Vec<Page> {
    let mut paths = vec![PathBuf::from("README.md")];
    for folder in ["docs", "deploy"] {
        documents(Path::new(folder), &mut paths);
    }
    assert!(paths.len() > 15, "the documents were not found: {paths:?}");
    paths.into_iter().map(page).collect()
}

fn page(path: impl Into<PathBuf>) -> Page {
    let path = path.into();
    let text = fs::read_to_string(root().join(&path)).expect("a document");
    Page { path, text }
}

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(root().join(folder)).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder").file_name())
        .collect();
    names.sort();
    for name in names {
        let path = folder.join(name);
        if root().join(&path).is_dir() {
            // What mdBook makes of it lies there.
            if path != Path::new("docs/book") {
                documents(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// What stands in backquotes in a line.
fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Every variable that a document names, with a value that is well formed.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let variables = crate::example::VARIABLES.iter().chain(&VARIABLES);
    variables
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Compares a document with what it should be, or writes it.
fn settle(path: &Path, is: &str, should_be: &str) {
    if std::env::var_os("BELLWIRE_DOCS").is_some_and(|wish| wish == "write") {
        fs::write(root().join(path), should_be).expect("written");
        return;
    }
    let differs = is
        .lines()
        .zip(should_be.lines())
        .position(|(is, should_be)| is != should_be);
    let line = differs.unwrap_or_else(|| is.lines().count().min(should_be.lines().count()));
    assert!(
        is == should_be,
        "{}:{}: it says\n{}\nand the program\n{}\n`BELLWIRE_DOCS=write cargo test --test it book::` writes it anew",
        path.display(),
        line + 1,
        is.lines().nth(line).unwrap_or("(no more)"),
        should_be.lines().nth(line).unwrap_or("(no more)"),
    );
}
