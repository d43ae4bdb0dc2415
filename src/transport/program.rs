//! A program that is started for each request: bytes on its standard input, its exit status and what it
//! prints as the answer.
//!
//! A file of its own because a program is the one receiver that runs with our own rights. It inherits
//! nothing of our environment but where to find things, since secrets stand there, and whatever it has
//! started ends with it.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::fs::{Access, access};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::REPLY_BYTES_MAX;
use crate::model::{Failure, Reply, Secret};

/// What a program may know of our environment.
const INHERITED: [&str; 5] = ["HOME", "LANG", "PATH", "TMPDIR", "TZ"];

/// Where a program is looked for when there is no `PATH`, as the C library does.
const PATH_UNSET: &str = "/bin:/usr/bin";

const NOT_THERE: &str = "there is no such program";
const NOT_IN_PATH: &str = "there is no such program in the folders of `PATH`";
const NOT_ALLOWED: &str = "the program may not be run";

/// How long is waited for what a program has printed, once it has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A program and its input.
#[derive(Clone, Debug)]
pub struct Call {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<Secret>,
    /// Variables of its environment, beside the few that it inherits.
    pub environment: Vec<(&'static str, String)>,
    /// What it reads.
    pub input: Bytes,
}

/// The whole group of a program that has not been seen to end is killed with this.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended meanwhile.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Whether a program could be started here and now, found out without starting it.
///
/// # Errors
/// Why not, for people.
pub fn look_up(program: &Path) -> Result<(), &'static str> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from(PATH_UNSET));
    look_up_in(program, &path)
}

/// A name without a folder is looked for in those of `path`, in this order; what may not be run is
/// passed over, as it is when the program is started.
fn look_up_in(program: &Path, path: &OsStr) -> Result<(), &'static str> {
    if program.as_os_str().as_encoded_bytes().contains(&b'/') {
        return if may_run(program) {
            Ok(())
        } else if program.exists() {
            Err(NOT_ALLOWED)
        } else {
            Err(NOT_THERE)
        };
    }
    let places: Vec<PathBuf> = std::env::split_paths(path)
        .map(|folder| folder.join(program))
        .collect();
    if places.iter().any(|place| may_run(place)) {
        Ok(())
    } else if places.iter().any(|place| place.exists()) {
        Err(NOT_ALLOWED)
    } else {
        Err(NOT_IN_PATH)
    }
}

fn may_run(place: &Path) -> bool {
    place.is_file() && access(place, Access::EXEC_OK).is_ok()
}

/// Starts a program, feeds it and waits for its end. The answer's status is the exit status, or 128 and
/// the signal that ended it, as shells count. Dropped, it kills the program and all of its group.
pub(super) async fn run(call: Call) -> Result<Reply, Failure> {
    let mut command = Command::new(&call.program);
    command
        .args(call.arguments.iter().map(Secret::expose))
        .env_clear()
        .envs(
            INHERITED
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        .envs(call.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| not_started(&error))?;
    let mut group = Group(
        child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)),
    );
    let (mut printed, mut complained) = (Vec::new(), Vec::new());
    let status = converse(&mut child, &call.input, &mut printed, &mut complained)
        .await
        .map_err(|error| Failure::Other(error.to_string()))?;
    // What it left running in the background is its own business, as it would be in a shell.
    group.0 = None;
    let mut body = BytesMut::from(printed.as_slice());
    body.extend_from_slice(&complained);
    body.truncate(REPLY_BYTES_MAX);
    Ok(Reply {
        status: exit_status(status),
        headers: http::HeaderMap::new(),
        body: body.freeze(),
    })
}

/// Feeds a program, keeps the start of what it prints, and waits for its end.
async fn converse(
    child: &mut Child,
    input: &[u8],
    printed: &mut Vec<u8>,
    complained: &mut Vec<u8>,
) -> std::io::Result<ExitStatus> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut talk = std::pin::pin!(async {
        tokio::join!(
            feed(stdin, input),
            start_of(stdout, printed),
            start_of(stderr, complained)
        )
    });
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = &mut talk => return child.wait().await,
    };
    // What it has left behind may hold the pipes open, so what was printed is there by now or is not
    // waited for.
    let _ = timeout(LAST_WORDS, talk).await;
    Ok(status)
}

/// Writes the input, while what is printed is read: a program that prints before it has read everything
/// must not wait for us, nor we for it.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        // One that does not read its input says with its exit status whether it needed it.
        let _ = stdin.write_all(input).await;
    }
}

/// Reads to the end and keeps the start.
async fn start_of(pipe: Option<impl AsyncReadExt + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else {
        return;
    };
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        let room = REPLY_BYTES_MAX - kept.len();
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
}

fn exit_status(status: ExitStatus) -> u16 {
    use std::os::unix::process::ExitStatusExt;
    let number = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    number
        .and_then(|number| u16::try_from(number).ok())
        .unwrap_or(u16::MAX)
}

fn not_started(error: &std::io::Error) -> Failure {
    Failure::Other(match error.kind() {
        ErrorKind::NotFound => NOT_THERE.to_owned(),
        ErrorKind::PermissionDenied => NOT_ALLOWED.to_owned(),
        _ => format!("the program does not start: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: &'static [u8]) -> Call {
        Call {
            program: "/bin/sh".into(),
            arguments: ["-c", script]
                .map(|text| Secret::new(text.to_owned()))
                .to_vec(),
            environment: vec![("GREETING", "hello".to_owned())],
            input: Bytes::from_static(input),
        }
    }

    async fn check(script: &str, input: &'static [u8], status: u16, body: &str) {
        let reply = run(shell(script, input)).await.expect("it runs");
        let said = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!((reply.status, said.as_str()), (status, body), "{script}");
    }

    #[tokio::test]
    async fn input_goes_in_and_status_and_words_come_out() {
        check("cat", b"the event", 0, "the event").await;
        check("cat; echo why >&2; exit 75", b"x", 75, "xwhy\n").await;
        check("echo $GREETING", b"", 0, "hello\n").await;
        check("kill -9 $$", b"", 137, "").await;
    }

    #[tokio::test]
    async fn it_sees_nothing_of_our_environment_that_it_does_not_need() {
        let reply = run(shell("env", b"")).await.expect("it runs");
        let said = String::from_utf8_lossy(&reply.body).into_owned();
        for line in said.lines() {
            let (name, _) = line.split_once('=').expect("a variable");
            let known =
                INHERITED.contains(&name) || ["GREETING", "PWD", "SHLVL", "_"].contains(&name);
            assert!(known, "{line}");
        }
    }

    #[tokio::test]
    async fn one_that_prints_much_and_reads_nothing_holds_nobody_up() {
        let input: &'static [u8] = &[b'x'; 1 << 20];
        let reply = run(shell("head -c 1000000 /dev/zero", input))
            .await
            .expect("it runs");
        assert_eq!((reply.status, reply.body.len()), (0, REPLY_BYTES_MAX));
    }

    #[tokio::test]
    async fn what_it_leaves_running_is_not_waited_for() {
        let started = std::time::Instant::now();
        check("echo done; sleep 5 & exit 0", b"x", 0, "done\n").await;
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "it has ended long before"
        );
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_a_failure_that_says_so() {
        let mut call = shell("", b"");
        call.program = "/nowhere/to/be/found".into();
        let failure = run(call).await.expect_err("nothing to run");
        assert_eq!(
            failure,
            Failure::Other("there is no such program".to_owned())
        );
    }

    #[tokio::test]
    async fn looking_a_program_up_finds_what_starting_it_would_find() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::TempDir::new().expect("a folder");
        let make = |name: &str, mode: u32| {
            let place = folder.path().join(name);
            std::fs::create_dir_all(place.parent().expect("a folder")).expect("made");
            std::fs::write(&place, "#!/bin/sh\n").expect("written");
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&place, mode).expect("changed");
            place
        };
        // A link, since a file that was just written can be busy while another thread starts something.
        let sh = make("second/text", 0o644).with_file_name("sh");
        std::os::unix::fs::symlink("/bin/sh", &sh).expect("linked");
        let deaf = make("first/sh", 0o644);
        let mute = make("first/mute", 0o644);
        let nowhere = folder.path().join("first/nowhere");
        let below_a_file = sh.join("sh");
        for (program, expected) in [
            (&sh, Ok(())),
            (&deaf, Err(NOT_ALLOWED)),
            (&mute, Err(NOT_ALLOWED)),
            (&nowhere, Err(NOT_THERE)),
            (&below_a_file, Err(NOT_THERE)),
            (&folder.path().to_owned(), Err(NOT_ALLOWED)),
        ] {
            assert_eq!(look_up(program), expected, "{}", program.display());
            let mut call = shell("", b"");
            call.program.clone_from(program);
            call.arguments.clear();
            let started = run(call).await.map(|reply| assert_eq!(reply.status, 0));
            let refused = |why: &str| Failure::Other(why.to_owned());
            match started {
                // The system says of a place below a file that it is no folder.
                Err(Failure::Other(told)) if *program == below_a_file => {
                    assert!(told.contains("directory"), "{told}");
                }
                started => assert_eq!(started, expected.map_err(refused)),
            }
        }
        let folders = ["first", "second"].map(|name| folder.path().join(name));
        let path = std::env::join_paths(folders).expect("a list");
        for (name, expected) in [
            ("sh", Ok(())),
            ("mute", Err(NOT_ALLOWED)),
            ("nowhere", Err(NOT_IN_PATH)),
        ] {
            assert_eq!(look_up_in(Path::new(name), &path), expected, "{name}");
        }
        assert_eq!(
            look_up_in(Path::new("sh"), OsStr::new("")),
            Err(NOT_IN_PATH)
        );
        assert_eq!(look_up(Path::new("sh")), Ok(()));
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_killed_with_all_that_it_started() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mark = folder.path().join("pid");
        // The grandchild writes its number; the program itself waits for it.
        let script = format!(
            "sh -c 'echo $$ > {}; exec sleep 600' & wait",
            mark.display()
        );
        let running = tokio::spawn(run(shell(&script, b"")));
        let pid = loop {
            let text = std::fs::read_to_string(&mark).unwrap_or_default();
            if let Ok(pid) = text.trim().parse::<u32>() {
                break pid;
            }
            tokio::task::yield_now().await;
        };
        running.abort();
        let gone = async {
            let of = format!("/proc/{pid}/stat");
            // A process that ended stays as a zombie until somebody asks for its status.
            while std::fs::read_to_string(&of).is_ok_and(|stat| !stat.contains(") Z")) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), gone)
            .await
            .expect("it ends");
    }
}
