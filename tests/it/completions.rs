//! What shells complete: a script for each, and one of them held against its shell.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{program, ran};

/// Every command of the top level, which each script has to know.
const COMMANDS: [&str; 13] = [
    "run",
    "check",
    "demo",
    "explain",
    "simulate",
    "health",
    "queue",
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
        COMP_WORDS=(bellwire queue re) COMP_CWORD=2; _bellwire bellwire re queue; echo "${COMPREPLY[*]}"
        COMP_WORDS=(bellwire se) COMP_CWORD=1; _bellwire bellwire se bellwire; echo "${COMPREPLY[*]}"
    "#;
    let asked = ran(&mut bash(&["-c", asks])).await;
    assert_eq!(asked.status, Some(0), "{asked:?}");
    let lines: Vec<&str> = asked.out.lines().collect();
    assert!(lines[0].ends_with(" bellwire"), "{asked:?}");
    assert_eq!(lines[1..], ["retry", "send"], "{asked:?}");
}
