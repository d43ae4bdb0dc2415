//! The program `bellwire`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bellwire::cli::main()
}
