//! Tells the linker how less of the program stays in memory, as far as the machine knows how.
//!
//! The program is the same without this, only larger.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// What a libc says of itself that moves addresses which are packed.
const MOVES_PACKED: &[u8] = b"GLIBC_ABI_DT_RELR";

/// What a program that waits for an event has no use for, by crate and module. A program is read in and kept in
/// memory by pieces of 64 KB, each for as long as one function in it is wanted.
const SELDOM: &[&[&str]] = &[
    // What is there for one configuration or another. Of the first, a little runs at each start.
    &["rustls"],
    &["bellwire", "expr"],
    &["bellwire", "intake", "catchup"],
    &["bellwire", "sinks", "discord"],
    &["bellwire", "sinks", "mqtt"],
    &["bellwire", "sinks", "ntfy"],
    &["bellwire", "sinks", "slack"],
    &["bellwire", "sinks", "telegram"],
    &["bellwire", "sinks", "wording", "bundle"],
    &["bellwire", "sinks", "wording", "internal"],
    &["bellwire", "sinks", "wording", "trade"],
    &["bellwire", "sources", "picture"],
    &["bellwire", "sources", "ttmt_rest"],
    &["bellwire", "store", "server"],
    &["bellwire", "store", "sql", "session"],
    &["croner"],
    &["der", "reader"],
    &["h2"],
    &["hyper", "proto", "h2"],
    &["jiff_core", "tz"],
    &["minijinja"],
    &["mqtt_codec_kit"],
    &["postgres_protocol"],
    &["postgres_types"],
    &["ring", "aead"],
    &["ring", "ec"],
    &["ring", "rsa"],
    &["sha2", "sha512"],
    &["tokio_postgres"],
    &["webpki", "verify_cert"],
    // What is asked of the page, and what other commands do.
    &["axum", "handler"],
    &["axum", "middleware"],
    &["bellwire", "admin", "metrics"],
    &["bellwire", "admin", "page"],
    &["bellwire", "app", "explain"],
    &["bellwire", "cli", "check"],
    &["bellwire", "cli", "explain"],
    &["bellwire", "cli", "init"],
    &["bellwire", "cli", "instance"],
    &["bellwire", "cli", "queue", "run"],
    &["bellwire", "cli", "table"],
    &["bellwire", "simulator"],
    &["bellwire", "store", "backup"],
    &["bellwire", "store", "by_hand"],
    &["bellwire", "store", "inspect"],
    &["clap_complete"],
    &["indicatif"],
    &["prometheus_client"],
    &["tower", "util", "map_future"],
    // How mistakes are told, and what patterns are made of.
    &["aho_corasick"],
    &["annotate_snippets"],
    &["clap_builder", "error"],
    &["clap_builder", "output", "help_template"],
    &["regex_automata"],
    &["regex_syntax"],
    &["rustc_demangle"],
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
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
    if let Ok(folder) = env::var("OUT_DIR")
        && is("PROFILE", "release")
    {
        let script = format!("{folder}/seldom.ld");
        if fs::write(&script, apart(SELDOM)).is_ok() && takes(&script, &folder) {
            println!("cargo::rustc-link-arg-bins=-T{script}");
        }
    }
}

/// The libc that the program is linked with, which may be another one than that of this machine.
fn libc() -> Option<Vec<u8>> {
    let asked = linker().arg("-print-file-name=libc.so.6").output().ok()?;
    let path = String::from_utf8(asked.stdout).ok()?;
    fs::read(path.trim_end()).ok()
}

fn linker() -> Command {
    Command::new(env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into()))
}

fn contains(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}

/// A script that adds to the linker's own: what belongs to these modules goes behind everything else.
fn apart(modules: &[&[&str]]) -> String {
    let mut script = "SECTIONS { .text.seldom : {\n".to_owned();
    for module in modules {
        let lengths = module.iter().map(|name| format!("{}{name}", name.len()));
        let (path, of_type) = (lengths.collect::<String>(), module.join(".."));
        // By its own name, as a method of a type, or by a trait of theirs: as symbols are written.
        let names = [
            format!(".text.*{path}[0-9]*"),
            format!(".text.*_$LT${of_type}..*"),
            format!(".text.*$u20$as$u20${of_type}..*"),
        ];
        let _ = writeln!(script, "*({})", names.join(" "));
    }
    script + "} } INSERT AFTER .text;\n"
}

/// Whether the linker takes such a script. Whoever has said how to link has maybe said with which one.
fn takes(script: &str, folder: &str) -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let tried = linker()
        .args(["-shared", "-nostdlib", "-x", "c", "/dev/null"])
        .arg(format!("-T{script}"))
        .arg("-o")
        .arg(format!("{folder}/tried"))
        .output();
    !flags.contains("link") && tried.is_ok_and(|tried| tried.status.success())
}
