//! What shells complete: a script for each, and one of them held against its shell.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{program, ran};

/// Every command of the top level, which each script has to know.
const COMMANDS: [&str; 14] = [
    "run",
    "check",
    "demo",
    "explain",
    "simulate",
    "health",
    "queue",
    "backup",
    "replay",
    "send",
    "tail",
    "verify",
    "init",
    "completions",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shell_has_a_script_that_knows_every_command() {
    let folder = TempDir::new().expect("a folder");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let told = ran(program(folder.path()).args(["completions", shell])).await;
        assert_eq!((told.status, told.complaint.as_str()), (Some(0), ""));
        for command in COMMANDS {
            assert!(told.out.contains(command), "{shell} lacks {command}");
        }
    }
    let told = ran(program(folder.path()).args(["completions", "tcsh"])).await;
    assert_eq!((told.status, told.out.as_str()), (Some(2), ""));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(told.complaint.contains(shell), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bash_takes_its_script_and_completes_with_it() {
    let folder = TempDir::new().expect("a folder");
    let told = ran(program(folder.path()).args(["completions", "bash"])).await;
    let script = folder.path().join("bellwire.bash");
    fs::write(&script, &told.out).expect("writes");
    let bash = |arguments: &[&str]| {
        let mut line = Command::new("bash");
        line.args(["--noprofile", "--norc"]).args(arguments);
        line.arg(&script).env_clear();
        line
    };
    let read = ran(&mut bash(&["-n"])).await;
    assert_eq!((read.status, read.complaint.as_str()), (Some(0), ""));
    // What bash would ask for behind `bellwire queue re`, and behind `bellwire se`.
    let asks = r#"
        source "$0" && complete -p bellwire || exit
        COMP_WORDS=(bellwire queue re) COMP_CWORD=2; _bellwire_names bellwire re queue; echo "${COMPREPLY[*]}"
        COMP_WORDS=(bellwire se) COMP_CWORD=1; _bellwire_names bellwire se bellwire; echo "${COMPREPLY[*]}"
    "#;
    let asked = ran(&mut bash(&["-c", asks])).await;
    assert_eq!(asked.status, Some(0), "{asked:?}");
    let lines: Vec<&str> = asked.out.lines().collect();
    assert!(lines[0].ends_with(" bellwire"), "{asked:?}");
    assert_eq!(lines[1..], ["retry", "send"], "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bash_completes_the_names_of_the_configuration() {
    let folder = TempDir::new().expect("a folder");
    let told = ran(program(folder.path()).args(["completions", "bash"])).await;
    let script = folder.path().join("bellwire.bash");
    fs::write(&script, &told.out).expect("writes");
    // Wrong as a whole, with a name that a shell would obey. What has a name is known all the same.
    let config = r#"
        [sources.ttmt]
        kind = "ttmt"
        [sinks.phone]
        kind = "ntfy"
        topic = "t"
        [sinks.team]
        kind = "ntfy"
        topic = "t"
        [[rules]]
        name = "gold"
        to = ["phone"]
        [[rules]]
        name = "$(touch obeyed)"
        to = ["phone"]
    "#;
    fs::write(folder.path().join("config.toml"), config).expect("writes");
    let elsewhere = "[sinks.desk]\nkind = \"ntfy\"\ntopic = \"t\"\n";
    fs::write(folder.path().join("other.toml"), elsewhere).expect("writes");
    let asks = r#"
        source "$0" || exit
        asked() {
            COMP_WORDS=("$BELLWIRE" "$@") COMP_CWORD=$# COMPREPLY=()
            _bellwire_names "$BELLWIRE" "${@: -1}" "${@: -2:1}"
            echo "${COMPREPLY[*]}"
        }
        asked send ""
        asked send ph
        asked queue --sink ""
        asked queue --sink te
        asked replay --rule ""
        asked explain --source ""
        asked tail ""
        asked queue --config other.toml --sink ""
        asked queue --config none.toml --sink ""
        asked queue re
        asked send --ev
    "#;
    let mut line = Command::new("bash");
    line.args(["--noprofile", "--norc", "-c", asks])
        .arg(&script)
        .current_dir(folder.path())
        .env_clear()
        .env("BELLWIRE", env!("CARGO_BIN_EXE_bellwire"));
    let asked = ran(&mut line).await;
    assert_eq!(asked.complaint, "");
    let lines: Vec<&str> = asked.out.lines().collect();
    let expected = [
        "phone team",
        "phone",
        "phone team",
        "team",
        "gold",
        "ttmt",
        "ttmt",
        "desk",
        "",
        "retry",
        "--event",
    ];
    assert_eq!(lines, expected, "{asked:?}");
    assert!(!folder.path().join("obeyed").exists());
}
