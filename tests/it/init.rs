//! Five answers and a configuration: what is tried, what is written, and what never is.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bellwire::simulator::receivers::Kind;
use bellwire::simulator::ttmt::DEMO_KEY;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Phones, Ran, Upstream, free_address, program, ran, soon, until};

/// A line for a shell on a terminal of its own, whose name it leaves in a file.
fn typed(folder: &Path, line: &str) -> tokio::process::Command {
    let binary = format!("'{}'", env!("CARGO_BIN_EXE_bellwire"));
    let line = format!("tty > terminal; {}", line.replace("BELLWIRE", &binary));
    let mut script = tokio::process::Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder)
        .env_remove("TTMT_API_KEY")
        .env_remove("BELLWIRE_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    script
}

/// Waits until that terminal does not show what is typed.
async fn shows_nothing(folder: &Path) {
    until("a terminal that shows nothing", || {
        let terminal = fs::read_to_string(folder.join("terminal")).unwrap_or_default();
        let told = Command::new("stty")
            .args(["-a", "-F", terminal.trim()])
            .output();
        String::from_utf8_lossy(&told.expect("stty").stdout).contains(" -echo ")
    })
    .await;
}

/// Runs `init` with these answers.
async fn init(folder: &Path, answers: &str, more: &[&str]) -> Ran {
    fs::write(folder.join("answers"), answers).expect("writes");
    let mut line = program(folder);
    line.arg("init").args(more);
    line.stdin(File::open(folder.join("answers")).expect("opens"));
    let told = ran(&mut line).await;
    assert!(!told.out.contains(DEMO_KEY), "{told:?}");
    assert!(!told.complaint.contains(DEMO_KEY), "{told:?}");
    told
}

async fn check(folder: &Path) -> Ran {
    ran(program(folder).args(["check"])).await
}

fn written(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join("config.toml")).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_right_answers_make_a_configuration_that_works() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let topic = format!("{}/alerts", phones.handle.url(Kind::Ntfy));
    let answers = format!("{DEMO_KEY}\nboth\n1\n{topic}\n22:00-07:00 Europe/Berlin\n");
    let base_url = upstream.handle.base_url();
    let told = init(folder, &answers, &["--base-url", &base_url]).await;
    assert_eq!(
        (told.status, told.complaint.as_str()),
        (Some(0), ""),
        "{told:?}"
    );
    assert!(!told.out.contains("warning"), "{told:?}");
    // Both were asked what `check --online` asks, and nobody was sent anything.
    for words in [
        "ok, the key is valid",
        "Main Live (live, USD, deployed)",
        "the server is healthy",
    ] {
        assert!(told.out.contains(words), "{words}: {told:?}");
    }
    assert_eq!(upstream.handle.requests().len(), 1);
    let received = phones.handle.received();
    let asked: Vec<_> = received.iter().map(|it| (&*it.method, &*it.path)).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(
        asked[0].0 == "GET" && asked[0].1.ends_with("/v1/health"),
        "{asked:?}"
    );
    let end = format!(
        "Subscribe to it in the ntfy app: {topic}\n\nNext:\n  bellwire send phone\n  bellwire run\n"
    );
    assert!(told.out.ends_with(&end), "{told:?}");

    let mode = fs::metadata(folder.join("config.toml"))
        .expect("written")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = written(folder).expect("written");
    for line in [
        format!("api_key = \"{DEMO_KEY}\""),
        "name = \"stop-losses\"".to_owned(),
        "hours = { between = \"07:00-22:00\", zone = \"Europe/Berlin\", quiet = true }".to_owned(),
    ] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    let checked = check(folder).await;
    assert_eq!(checked.status, Some(0), "{checked:?}");
    assert_eq!(
        checked.out,
        "config.toml: valid, 1 source, 1 sink, 3 rules\n"
    );
    // The first of the two commands that it ended with.
    let sent = ran(program(folder).args(["send", "phone"])).await;
    assert_eq!(sent.status, Some(0), "{sent:?}");
    assert_eq!(phones.handle.received_by(Kind::Ntfy).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_answer_is_asked_for_again_and_one_that_failed_can_be_kept() {
    let upstream = Upstream::start().await;
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let base_url = upstream.handle.base_url();
    let wrong_key = DEMO_KEY.replace('a', "b");
    let nobody = free_address();
    // A key that is refused, then the right one; no choice; no topic; a server that is not there, kept; no hours.
    let answers = format!(
        "\n{wrong_key}\n{DEMO_KEY}\n9\n2\nfax\nNTFY\nno topic!\nhttp://{nobody}/alerts\n\nlate\n\n"
    );
    let told = init(folder, &answers, &["--base-url", &base_url]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let mut rest = told.out.as_str();
    for words in [
        "1/5",
        "There is no default: an answer is needed.",
        "failed, the key is unknown or was revoked",
        "Enter keeps it all the same; or give another.",
        "ok, the key is valid",
        "2/5",
        "That is no answer: give a number from 1 to 5.",
        "3/5",
        "That is no answer: give a number from 1 to 5.",
        "4/5",
        "That is no answer: this is no topic",
        "failed, connection refused",
        "Enter keeps it all the same",
        "[keep it] >",
        "5/5",
        "That is no answer: give two times",
        "Wrote config.toml",
    ] {
        let at = rest
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {told:?}"));
        rest = &rest[at + words.len()..];
    }
    let text = written(folder).expect("written");
    assert!(
        text.contains(&format!("server = \"http://{nobody}\"")),
        "{text}"
    );
    assert!(
        !text.contains(&wrong_key) && !text.contains("hours"),
        "{text}"
    );
    assert_eq!(check(folder).await.status, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_end_too_soon_leave_no_file() {
    let answers = format!("{DEMO_KEY}\n1\nwebhook\nhttp://127.0.0.1:1/hook\nnone\n");
    let lines: Vec<&str> = answers.lines().collect();
    for count in 0..lines.len() {
        let folder = TempDir::new().expect("a folder");
        let some: String = lines[..count]
            .iter()
            .map(|line| format!("{line}\n"))
            .collect();
        let told = init(folder.path(), &some, &["--offline"]).await;
        assert_eq!(told.status, Some(1), "{count}: {told:?}");
        assert!(told.complaint.contains("nothing was written"), "{told:?}");
        assert_eq!(written(folder.path()), None, "{count}");
    }
    let folder = TempDir::new().expect("a folder");
    let told = init(folder.path(), &"x".repeat(5000), &["--offline"]).await;
    assert_eq!(told.status, Some(1));
    assert!(told.complaint.contains("more than 4096 bytes"), "{told:?}");
    let told = init(folder.path(), &"\n".repeat(100), &["--offline"]).await;
    assert!(
        told.complaint.contains("20 answers to one question"),
        "{told:?}"
    );
    assert_eq!(written(folder.path()), None);
    // All five, and there it is.
    let told = init(folder.path(), &answers, &["--offline"]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let text = written(folder.path()).expect("written");
    let secret = text.lines().find_map(|line| line.strip_prefix("secret = "));
    let secret = secret.expect("a new one").trim_matches('"');
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "32 bytes"
    );
    assert!(!told.out.contains(secret), "{told:?}");
    assert_eq!(check(folder.path()).await.status, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_there_stays_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let answers = format!("{DEMO_KEY}\n\n\n\n\n");
    fs::write(folder.join("config.toml"), "mine").expect("writes");
    std::os::unix::fs::symlink("nowhere", folder.join("link.toml")).expect("links");
    for more in [&["--offline"][..], &["--offline", "--config", "link.toml"]] {
        let told = init(folder, &answers, more).await;
        assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
        assert!(
            told.complaint
                .contains("is there already and stays as it is"),
            "{told:?}"
        );
    }
    assert_eq!(written(folder).as_deref(), Some("mine"));
    assert!(!folder.join("nowhere").exists());
    let told = init(folder, &answers, &["--offline", "--config", "other.toml"]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(
        told.out.contains("bellwire run --config other.toml"),
        "{told:?}"
    );
    let told = init(
        folder,
        &answers,
        &["--offline", "--config", "no/folder.toml"],
    )
    .await;
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(
        told.complaint
            .contains("`no/folder.toml` cannot be written"),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_the_environment_stays_there() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("answers"), "\n\n\n\n\n").expect("writes");
    let mut line = program(folder);
    line.args(["init", "--offline"])
        .env("TTMT_API_KEY", DEMO_KEY);
    line.stdin(File::open(folder.join("answers")).expect("opens"));
    let told = ran(&mut line).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let text = written(folder).expect("written");
    assert!(
        text.contains("api_key = { env = \"TTMT_API_KEY\" }"),
        "{text}"
    );
    assert!(!text.contains(DEMO_KEY));
    // The topic that was offered is the one that was taken.
    let topic = text
        .lines()
        .find_map(|line| line.strip_prefix("topic = "))
        .expect("a topic");
    assert!(
        told.out
            .contains(&format!("https://ntfy.sh/{}\n", topic.trim_matches('"'))),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_typed_on_a_terminal_is_not_shown() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let mut script = typed(folder, "exec BELLWIRE init --offline");
    script.stdout(Stdio::piped());
    let mut child = script.spawn().expect("starts");
    let mut keys = child.stdin.take().expect("a pipe");
    let mut screen = child.stdout.take().expect("a pipe");
    let mut shown = String::new();
    let mut until_shown = async |words: &str| {
        soon(words, async {
            while !shown.contains(words) {
                let mut bytes = [0; 4096];
                let count = screen.read(&mut bytes).await.expect("reads");
                assert!(count > 0, "it has ended: {shown}");
                shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        })
        .await;
        shown.clone()
    };
    until_shown("1/5").await;
    shows_nothing(folder).await;
    keys.write_all(format!("{DEMO_KEY}\n").as_bytes())
        .await
        .expect("types");
    for (question, answer) in [
        ("2/5", "1"),
        ("3/5", "1"),
        ("4/5", "my-own-topic"),
        ("5/5", ""),
    ] {
        until_shown(question).await;
        let line = format!("{answer}\n");
        keys.write_all(line.as_bytes()).await.expect("types");
    }
    let shown = until_shown("bellwire run").await;
    assert!(!shown.contains(DEMO_KEY), "{shown}");
    // Once as it was typed, and once where to subscribe to it.
    assert_eq!(shown.matches("my-own-topic").count(), 2, "{shown}");
    let text = written(folder).expect("written");
    assert!(
        text.contains(&format!("api_key = \"{DEMO_KEY}\"")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_hours_are_refused_where_nothing_is_ever_silent() {
    for (place, words) in [
        (
            "Slack\nhttps://hooks.slack.com/services/T0/B0/x",
            "Slack has no silent messages",
        ),
        (
            "5\nhttp://127.0.0.1:9/hook",
            "a webhook makes no sound by itself",
        ),
    ] {
        let folder = TempDir::new().expect("a folder");
        let folder = folder.path();
        let answers = format!("{DEMO_KEY}\n1\n{place}\n22:00-07:00 UTC\nnone\n");
        let told = init(folder, &answers, &["--offline"]).await;
        assert_eq!(told.status, Some(0), "{told:?}");
        assert!(told.out.contains(words), "{told:?}");
        assert!(!written(folder).expect("written").contains("hours"));
        let checked = check(folder).await;
        assert_eq!((checked.status, checked.complaint.as_str()), (Some(0), ""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_while_a_key_is_typed_leaves_the_terminal_as_it_was() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let line = "trap : INT; BELLWIRE init --offline; echo $? > status; stty -a > after";
    let mut script = typed(folder, line);
    let mut child = script.spawn().expect("starts");
    let mut keys = child.stdin.take().expect("a pipe");
    shows_nothing(folder).await;
    keys.write_all(b"\x03").await.expect("types");
    let after = folder.join("after");
    until("the end", || {
        fs::read_to_string(&after).is_ok_and(|it| it.contains("echo "))
    })
    .await;
    let after = fs::read_to_string(after).expect("read");
    assert!(after.contains(" echo "), "{after}");
    let status = fs::read_to_string(folder.join("status")).expect("a status");
    assert_eq!(status.trim(), "130");
    assert_eq!(written(folder), None);
}
