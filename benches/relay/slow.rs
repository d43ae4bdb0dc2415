//! A disk whose flush takes 5 ms longer: a library that is loaded into the relay before all others, and has
//! its flushes wait.
//!
//! What fast disks hide shows there: a relay that flushes for each event alone has at most 200 of them in a
//! second.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::machine;
use super::options::Options;
use super::process::myself;

/// How much longer a flush takes there, as the library has it.
const LONGER: Duration = Duration::from_millis(5);

/// The variable of the dynamic loader that has it loaded.
pub(crate) const LOADED_FIRST: &str = "LD_PRELOAD";

/// Where the library lies.
pub(crate) fn library() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("slow.so")
}

/// Makes the library, and sees that it does what it is for; answers what a flush in a folder takes with it.
pub(crate) fn make(folder: &Path) -> Result<Duration, String> {
    let library = library();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/relay/slow.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O2", "-o"]);
    let made = compiler.arg(&library).arg(source).arg("-ldl").status();
    match made {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("`cc` has made no library: {status}")),
        Err(error) => return Err(format!("there is no `cc`: {error}")),
    }
    let mut command = myself("flush");
    command.arg(format!("folder={}", folder.display()));
    let output = command.env(LOADED_FIRST, &library).output();
    let text = String::from_utf8(output.expect("a program that starts").stdout);
    let nanoseconds = text.ok().and_then(|text| text.trim().parse().ok());
    let took = Duration::from_nanos(nanoseconds.expect("a number"));
    match took < LONGER {
        true => Err(format!("a flush takes {took:.2?} with it, as without")),
        false => Ok(took),
    }
}

/// Says what a flush takes, in nanoseconds.
pub(crate) fn run(options: &Options) {
    let folder: PathBuf = options.one("folder");
    println!("{}", machine::flush(&folder).as_nanos());
}
