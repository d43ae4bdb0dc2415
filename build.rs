//! Tells the linker how less of the program stays in memory, as far as the machine knows how.
//!
//! The program is the same without this, only larger.

use std::env;
use std::fs;
use std::process::Command;

/// What a libc says of itself that moves addresses which are packed.
const MOVES_PACKED: &[u8] = b"GLIBC_ABI_DT_RELR";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    // What runs only when something breaks lies apart.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
    if libc().is_some_and(|libc| contains(&libc, MOVES_PACKED)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The libc that the program is linked with, which may be another one than that of this machine.
fn libc() -> Option<Vec<u8>> {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let asked = Command::new(linker)
        .arg("-print-file-name=libc.so.6")
        .output()
        .ok()?;
    let path = String::from_utf8(asked.stdout).ok()?;
    fs::read(path.trim_end()).ok()
}

fn contains(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}
