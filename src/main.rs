//! The program `bellwire`.

use std::process::ExitCode;

/// The commit that this was built from; empty where nobody knows it. The build of an image has no history to ask,
/// so it is told. It is looked up here and not in the library, which would be compiled anew after each commit.
const COMMIT: &str = match option_env!("BELLWIRE_COMMIT") {
    Some(told) => told,
    None => git_version::git_version!(
        args = [
            "--always",
            "--exclude=*",
            "--abbrev=12",
            "--dirty=-modified"
        ],
        fallback = ""
    ),
};

fn main() -> ExitCode {
    bellwire::cli::main(COMMIT)
}
