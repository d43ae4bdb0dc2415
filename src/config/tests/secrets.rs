//! No secret is ever shown: wherever it stands, however wrong its surroundings are.

use super::{SMALL, loaded, report};
use crate::config::{Config, Table};

const SECRET: &str = "hunter2";

/// Secrets in every place a secret has, between mistakes that put their lines into the report.
const FILE: &str = r#"
http = { listen = "nowhere", token = "hunter2" } # hunter2
tokn = "hunter2"
sinks.inline = { kind = 5, token = "hunter2", headers = { X = "hunter2", file = "hunter2" } }
sources.inline = { token = "hunter2", url = "https://hunter2:hunter2@example.org/?k=hunter2" }

[sources.ttmt]
kind = "ttmt"
api_key = ["hunter2"] # was hunter2
base_url = "https://me:hunter2@example.org/x?token=hunter2#hunter2" 
api_kee = "hunter2"

[sinks.automation]
kind = "webhook"
secret = ["hunter2", { env = "hunter2" }, { vault = "hunter2" }, 5, { env = "A", b = "hunter2" }]
headers = { A = "hunter2", B = { env = "hunter2" }, C = 5, "file" = { C = "hunter2" } }
token.env = "hunter2"
token.of = "hunter2"
titel = """
hunter2
hunter2"""

[heartbeat]
url = "hunter2"
every = "hunter 2 times"
"#;

/// Reads the options of the sink and the source as the rooms that know their kinds do.
fn read_options(config: Config) {
    for mut source in config.sources {
        source.options.secret("api_key");
        source.options.string("base_url");
        source
            .options
            .wrong("base_url", "this address is wrong", "another");
        source.options.finish();
    }
    for mut sink in config.sinks {
        read_sink(&mut sink.options);
        sink.options.finish();
    }
}

fn read_sink(options: &mut Table) {
    options.secrets("secret");
    options.secret_map("headers");
    options.secret("token");
    options.wrong("secret", "all of them are wrong", "others");
    options.wrong("headers", "all of them are wrong", "others");
}

#[test]
fn no_secret_is_in_a_report() {
    let loaded = loaded(
        FILE,
        &[
            ("A", SECRET),
            ("BELLWIRE_SINKS__AUTOMATION__TOKEN__ENV", "hunter2"),
        ],
    );
    read_options(loaded.config.clone().expect("parsed"));
    for colour in [false, true] {
        let report = loaded.report(colour).expect("many mistakes");
        assert!(!report.contains(SECRET), "{report}");
    }
    let report = loaded.report(false).expect("many mistakes");
    for line in [2, 3, 4, 5, 9, 10, 11, 15, 16, 19, 24] {
        assert!(
            report.contains(&format!("config.toml:{line}:")),
            "line {line} in\n{report}"
        );
    }
    assert!(
        report.contains("https://**********@example.org/x?*"),
        "the rest stays: {report}"
    );
}

#[test]
fn no_secret_is_in_what_is_printed_for_developers() {
    let text = FILE.replace("hunter 2 times", "1m");
    let loaded = loaded(&text, &[("A", SECRET), ("BELLWIRE_HTTP__TOKEN", SECRET)]);
    let printed = format!("{loaded:#?}");
    assert!(!printed.contains(SECRET), "{printed}");
}

/// Checks a text that is no TOML.
fn check_broken(text: &str, line: usize) {
    let report = report(text, &[]);
    assert!(!report.contains(SECRET), "{report}");
    assert!(
        report.contains(&format!("config.toml:{line}:")),
        "line {line} in\n{report}"
    );
}

#[test]
fn no_secret_is_in_the_report_of_a_broken_text() {
    check_broken("api_key = \"hunter2", 1);
    check_broken("api_key = hunter2", 1);
    check_broken("hunter2", 1);
    check_broken("hunter2 = 1 1", 1);
    check_broken("secret = [\n\"a\",\n\"hunter2,\n]", 3);
    check_broken("secret = '''\nhunter2=\n''' hunter2", 3);
    check_broken("a = { \"hunter2\" = \"hunter2\" \"b\" }", 1);
    check_broken("[sinks.hunter2\nx = 1", 1);
}

#[test]
fn an_empty_secret_is_a_mistake_from_wherever_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("empty");
    std::fs::write(&file, "\n").expect("written");
    let path = file.display();
    for value in [
        "''".to_owned(),
        "{ env = 'EMPTY' }".to_owned(),
        format!("{{ file = '{path}' }}"),
    ] {
        let text = format!("{}http.token = {value}", "\n");
        let report = report(&text, &[("EMPTY", "")]);
        assert!(report.contains("error: the secret is empty"), "{report}");
        assert!(report.contains("config.toml:2:14"), "{report}");
    }
    let report = report("", &[("BELLWIRE_HTTP__TOKEN", "")]);
    assert!(
        report.contains("`BELLWIRE_HTTP__TOKEN`: the secret is empty"),
        "{report}"
    );
}

#[test]
fn a_secret_that_is_looked_up_says_where() {
    let report = report("http.token = { env = 'NOT_THERE' }", &[]);
    assert!(
        report.contains("the environment variable `NOT_THERE` is not set"),
        "{report}"
    );
    assert!(
        report.contains("http.token = { env = 'NOT_THERE' }"),
        "{report}"
    );
}

#[test]
fn auth_2_what_looks_like_a_secret_is_hidden_where_none_belongs() {
    let key = "0123456789-abcdefghij_ABCDEFGHIJ";
    let url = format!("https://discord.com/api/webhooks/1/{key}");
    let text = SMALL.replace("to = [\"phone\"]", &format!("to = \"{url}\""));
    assert_ne!(text, SMALL);
    let loaded = loaded(&text, &[]);
    let report = loaded.report(false).expect("there are mistakes");
    assert!(
        report.contains("there is no sink `https://discord.com/api/webhooks/*"),
        "{report}"
    );
    assert!(!report.contains(key), "{report}");
    for mistake in loaded.mistakes() {
        assert!(!mistake.text.contains(key), "{mistake:?}");
    }
}
