//! Every recipe is gone through: its configuration, its event, and what `explain` prints for them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Page, environment, page, pages, settle};
use crate::harness::{program, ran};

const COMMAND: &str = "$ bellwire explain event.json\n";

/// What is printed, without what differs from call to call and from version to version.
fn steady(out: &str) -> String {
    let version = format!("bellwire/{}", env!("CARGO_PKG_VERSION"));
    let mut text = String::new();
    for line in out.lines() {
        let shown = match line.trim_start().split_once(": ") {
            Some(("webhook-timestamp", stamp)) => line.replace(stamp, "…"),
            Some(("webhook-signature", signature)) => line.replace(&signature[3..], "…"),
            Some(("user-agent", _)) => line
                .replace(&version, "bellwire/…")
                .replace(concat!(", ", env!("CARGO_PKG_VERSION"), ")"), ", …)"),
            _ => line.to_owned(),
        };
        text.push_str(&shown);
        text.push('\n');
    }
    text
}

/// The page with another text behind the command.
fn with_answer(page: &Page, answer: &str) -> String {
    let (before, rest) = page.text.split_once(COMMAND).expect("the command");
    let (_, after) = rest.split_once("```").expect("the end of the block");
    format!("{before}{COMMAND}{answer}```{after}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_prints_what_its_page_shows() {
    let mut seen = 0;
    for page in pages() {
        if !page.path.starts_with("docs/src/recipes") {
            continue;
        }
        seen += 1;
        let folder = TempDir::new().expect("a folder");
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text);
        write("config.toml", page.block("toml")).expect("written");
        write("event.json", page.block("json")).expect("written");
        let mut line = program(folder.path());
        line.args(["explain", "event.json"]).envs(environment());
        let told = ran(&mut line).await;
        assert_eq!(told.status, Some(0), "{}: {told:?}", page.path.display());
        let sends = told.out.matches("\n  to ").count();
        assert!(
            sends > 0,
            "{} sends nothing:\n{}",
            page.path.display(),
            told.out
        );
        settle(
            &page.path,
            &page.text,
            &with_answer(&page, &steady(&told.out)),
        );
    }
    assert_eq!(seen, 9, "the recipes");
}

#[test]
fn each_is_in_the_list() {
    let list = page("docs/src/recipes.md").text;
    for page in pages() {
        if let Ok(name) = page.path.strip_prefix(Path::new("docs/src")) {
            let is_recipe = name.starts_with("recipes");
            let link = format!("]({})", name.display());
            assert!(!is_recipe || list.contains(&link), "{link}");
        }
    }
}

#[test]
fn only_what_differs_is_left_out() {
    let out = "    user-agent: DiscordBot (https://x, VERSION) bellwire/VERSION\n    webhook-timestamp: 1795666016\n    webhook-signature: v1,Hf27=\n    webhook-id: msg_example\n"
        .replace("VERSION", env!("CARGO_PKG_VERSION"));
    let expected = "    user-agent: DiscordBot (https://x, …) bellwire/…\n    webhook-timestamp: …\n    webhook-signature: v1,…\n    webhook-id: msg_example\n";
    assert_eq!(steady(&out), expected);
}
