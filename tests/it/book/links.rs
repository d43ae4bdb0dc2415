//! Every link in the documents leads to a file that is there, and to a heading that it has; every page of the
//! book is in its list; every path that is written out is one of the repository.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Page, code, page, pages, root};

/// Folders and files of the repository by which a path is known as one of it.
const OURS: [&str; 6] = [
    "deploy/",
    "docs/",
    "src/",
    "tests/",
    "Dockerfile",
    "config.example.toml",
];

/// Where the links of a line lead to, without those in code.
fn links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, text) in line.match_indices("](") {
        let is_code = line[..at].matches('`').count() % 2 == 1;
        let rest = &line[at + text.len()..];
        if let Some((target, _)) = rest.split_once(')')
            && !is_code
        {
            found.push(target);
        }
    }
    found
}

/// The name of a heading in an address: what is no letter, digit, `-` or `_` is left out.
fn slug(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            other => other.is_alphanumeric().then_some(other),
        });
    kept.flat_map(char::to_lowercase).collect()
}

fn headings(page: &Page) -> BTreeSet<String> {
    let lines = page.prose().filter(|(_, line)| line.starts_with('#'));
    lines
        .map(|(_, line)| slug(line.trim_start_matches('#')))
        .collect()
}

/// A path from the folder of a document, without `..`.
fn resolved(page: &Page, target: &str) -> PathBuf {
    let mut path = PathBuf::new();
    let folder = page.path.parent().expect("a folder");
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{target} leads out of the repository"),
            part => path.push(part),
        }
    }
    path
}

/// What is wrong with a link, if anything is.
fn mistake(page: &Page, target: &str) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("http://") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.path.clone(),
        file => resolved(page, file),
    };
    if !root().join(&path).exists() {
        return Some("is not there".to_owned());
    }
    let book = Path::new("docs/src");
    if page.path.starts_with(book) && !path.starts_with(book) {
        return Some("leads out of the book".to_owned());
    }
    let is_known = heading.is_empty() || headings(&self::page(path)).contains(heading);
    (!is_known).then(|| "has no such heading".to_owned())
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        for (number, line) in page.prose() {
            for target in links(line) {
                seen += 1;
                if let Some(mistake) = mistake(&page, target) {
                    wrong.push(format!(
                        "{}:{number}: {target} {mistake}",
                        page.path.display()
                    ));
                }
            }
        }
    }
    assert!(seen > 60, "the links were not found: {seen}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_heading_is_there_once() {
    for page in pages() {
        let mut seen = BTreeSet::new();
        for (number, line) in page.prose().filter(|(_, line)| line.starts_with('#')) {
            let heading = slug(line.trim_start_matches('#'));
            assert!(
                seen.insert(heading),
                "{}:{number}: twice",
                page.path.display()
            );
        }
        assert!(!seen.is_empty(), "{} has none", page.path.display());
    }
}

#[test]
fn every_page_is_in_the_list_of_the_book_and_in_no_other_place() {
    let list = page("docs/src/SUMMARY.md");
    let listed: Vec<PathBuf> = list
        .prose()
        .flat_map(|(_, line)| links(line))
        .map(|target| resolved(&list, target))
        .collect();
    let once: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(once.len(), listed.len(), "a page twice: {listed:?}");
    let there: BTreeSet<PathBuf> = pages()
        .into_iter()
        .map(|page| page.path)
        .filter(|path| path.starts_with("docs/src") && !path.ends_with("SUMMARY.md"))
        .collect();
    assert_eq!(once, there);
}

#[test]
fn every_path_that_is_written_out_is_there() {
    let mut seen = 0;
    for page in pages() {
        for (number, line) in page.prose() {
            for path in code(line).filter(|text| OURS.iter().any(|ours| text.starts_with(ours))) {
                seen += 1;
                let is_there = root().join(path).exists();
                assert!(is_there, "{}:{number}: {path}", page.path.display());
            }
        }
    }
    assert!(seen > 30, "the paths were not found: {seen}");
}

#[test]
fn every_script_is_in_the_list_of_the_readme() {
    let readme = page("README.md").text;
    let entries = std::fs::read_dir(root().join("tests")).expect("a folder");
    let names = entries.map(|entry| entry.expect("a readable folder").file_name());
    let names: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let scripts = names.iter().filter(|name| name.ends_with(".sh"));
    let missing: Vec<&String> = scripts
        .filter(|name| !readme.contains(&format!("`tests/{name}`")))
        .collect();
    assert!(names.len() > 15, "the scripts were not found");
    assert!(missing.is_empty(), "the README does not name {missing:?}");
}

#[test]
fn what_a_page_includes_is_there() {
    let mut seen = 0;
    for page in pages() {
        for (number, line) in page.prose() {
            let Some(target) = line.strip_prefix("{{#include ") else {
                continue;
            };
            seen += 1;
            let (file, name) = target
                .trim_end_matches("}}")
                .split_once(':')
                .expect("a part");
            let other = self::page(resolved(&page, file)).text;
            let mark = |word: &str| other.find(&format!("<!-- {word}: {name} -->"));
            let (start, end) = (mark("ANCHOR"), mark("ANCHOR_END"));
            let is_there = start.is_some() && start < end;
            assert!(is_there, "{}:{number}: {line}", page.path.display());
        }
    }
    assert!(seen > 0, "nothing is included");
}

#[test]
fn links_and_headings_are_read_as_browsers_read_them() {
    assert_eq!(
        links("[a](b.md#c), `[x](y)`, ![d](e.png)"),
        ["b.md#c", "e.png"]
    );
    assert_eq!(slug(" Why did it not ring?"), "why-did-it-not-ring");
    assert_eq!(
        slug("`bellwire check` complains"),
        "bellwire-check-complains"
    );
    assert_eq!(slug("discord, slack, ntfy"), "discord-slack-ntfy");
}
