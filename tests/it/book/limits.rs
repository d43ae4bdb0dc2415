//! The tables of limits have the values of the code.

use std::fs;

use super::{page, root};

/// What a row is about, the limit that it names, and the constant that sets it.
const LIMITS: &[(&str, &str, &str, &str)] = &[
    (
        "an event, all of its lines",
        "1 MiB",
        "sources/options.rs",
        "EVENT_BYTES_DEFAULT: u64 = 1 << 20",
    ),
    (
        "a line, a comment or an event without an end",
        "64 times",
        "sources/filter.rs",
        "FLOOD_FACTOR: u64 = 64",
    ),
    (
        "an event's id",
        "1024 bytes",
        "model/cursor.rs",
        "ID_BYTES_MAX: usize = 1024",
    ),
    (
        "values in `data`, at all depths",
        "50000",
        "model/json.rs",
        "VALUES_MAX: usize = 50_000",
    ),
    (
        "redirects in a row",
        "5,",
        "transport/stream.rs",
        "HOPS_MAX: usize = 5",
    ),
    (
        "the body of a refusal",
        "64 KiB",
        "sources/refusal.rs",
        "BODY_BYTES_MAX: usize = 64 * 1024",
    ),
    (
        "the body of a refusal",
        "5 seconds",
        "sources/refusal.rs",
        "BODY_PATIENCE: Duration = Duration::from_secs(5)",
    ),
    (
        "silence",
        "5 minutes",
        "sources/sse.rs",
        "IDLE_DEFAULT: Duration = Duration::from_secs(5 * 60)",
    ),
    (
        "an answer of REST",
        "8 MiB",
        "app/following.rs",
        "REST_REPLY_BYTES_MAX: usize = 8 << 20",
    ),
    (
        "an answer of REST",
        "20 seconds",
        "sources/ttmt_rest/wire.rs",
        "TIMEOUT: Duration = Duration::from_secs(20)",
    ),
    (
        "connecting, with name and TLS",
        "10 seconds",
        "transport/mod.rs",
        "CONNECT_TIMEOUT: Duration = Duration::from_secs(10)",
    ),
    (
        "its body, a broker's words, or a program's output",
        "64 KiB",
        "transport/mod.rs",
        "REPLY_BYTES_MAX: usize = 64 * 1024",
    ),
    (
        "what is kept of it with the attempt",
        "1024 bytes",
        "dispatch/attempt.rs",
        "ANSWER_BYTES_MAX: usize = 1024",
    ),
    (
        "the wait it asks for",
        "1 hour",
        "sinks/judge.rs",
        "WAIT_MAX: Duration = Duration::from_secs(3600)",
    ),
    (
        "its text",
        "16384 bytes",
        "expr/limits.rs",
        "SOURCE_BYTES_MAX: usize = 16 * 1024",
    ),
    (
        "its work",
        "200000 steps",
        "expr/limits.rs",
        "FUEL: u64 = 200_000",
    ),
    (
        "what it makes",
        "65536 bytes",
        "expr/limits.rs",
        "OUTPUT_BYTES_MAX: usize = 64 * 1024",
    ),
    (
        "a key of",
        "1024 bytes",
        "expr/mod.rs",
        "KEY_BYTES_MAX: usize = 1024",
    ),
    (
        "a `range`",
        "10000 items",
        "expr/limits.rs",
        "RANGE_ITEMS_MAX: usize = 10_000",
    ),
    (
        "a list or a map that it builds",
        "10000 values",
        "expr/limits.rs",
        "BUILT_VALUES_MAX: usize = 10_000",
    ),
    (
        "a list or a map that it builds",
        "160 levels",
        "expr/limits.rs",
        "BUILT_DEPTH_MAX: usize = 160",
    ),
    (
        "loops and blocks inside each other",
        "64",
        "expr/limits.rs",
        "RECURSION_MAX: usize = 64",
    ),
    (
        "the file |",
        "1048576 bytes",
        "config/find.rs",
        "FILE_BYTES_MAX: u64 = 1024 * 1024",
    ),
    (
        "reading it anew, with those files",
        "10 seconds",
        "app/reload.rs",
        "READ_WAIT: Duration = Duration::from_secs(10)",
    ),
    (
        "the file of a secret",
        "65536 bytes",
        "config/secret.rs",
        "FILE_BYTES_MAX: u64 = 64 * 1024",
    ),
    (
        "an address",
        "4096 bytes",
        "sinks/address.rs",
        "BYTES_MAX: usize = 4096",
    ),
    (
        "connections",
        "128",
        "admin/connections.rs",
        "CONNECTIONS_MAX: usize = 128",
    ),
    (
        "the head of a request",
        "10 seconds",
        "admin/connections.rs",
        "HEAD_WAIT: Duration = Duration::from_secs(10)",
    ),
    (
        "its length",
        "32 KiB",
        "admin/connections.rs",
        "HEAD_BYTES_MAX: usize = 32 << 10",
    ),
    (
        "the whole of a body",
        "20 seconds",
        "admin/connections/guest.rs",
        "BODY_WAIT: Duration = Duration::from_secs(20)",
    ),
    (
        "an answer of which nothing is taken",
        "30 seconds",
        "admin/connections.rs",
        "TAKE_WAIT: Duration = Duration::from_secs(30)",
    ),
    (
        "the body of a request",
        "2 MiB",
        "admin/api/mod.rs",
        "BODY_BYTES_MAX: usize = 2 << 20",
    ),
    (
        "the body of a request",
        "16 KiB",
        "admin/page/mod.rs",
        "BODY_BYTES_MAX: usize = 16 << 10",
    ),
    (
        "readers of",
        "16",
        "admin/api/live.rs",
        "READERS_MAX: usize = 16",
    ),
    (
        "pages that listen",
        "32",
        "admin/page/live.rs",
        "LISTENERS_MAX: usize = 32",
    ),
    (
        "`data` of an event in the live stream",
        "64 KiB",
        "admin/api/live.rs",
        "DATA_BYTES_MAX: usize = 64 * 1024",
    ),
    (
        "wrong tokens in a minute",
        "10",
        "admin/access/guesses.rs",
        "GUESSES_MAX: usize = 10",
    ),
    (
        "connecting to it",
        "5 seconds",
        "store/server/mod.rs",
        "CONNECT_MAX: Duration = Duration::from_secs(5)",
    ),
    (
        "connecting to it",
        "for leases 1",
        "store/server/leases.rs",
        "STATEMENT_MAX: Duration = Duration::from_secs(1)",
    ),
    (
        "an answer to what was sent to it",
        "4 seconds",
        "store/server/mod.rs",
        "SILENCE_MAX: Duration = Duration::from_secs(4)",
    ),
    (
        "a transaction",
        "30 seconds",
        "store/sql/session.rs",
        "STATEMENT_MAX: Duration = Duration::from_secs(30)",
    ),
    (
        "its absence, for what is asked",
        "10 seconds",
        "store/server/owner.rs",
        "PATIENCE: Duration = Duration::from_secs(10)",
    ),
    (
        "its absence at a start",
        "30 seconds",
        "store/server/mod.rs",
        "START_MAX: Duration = Duration::from_secs(30)",
    ),
    (
        "a duty that is not renewed",
        "4 seconds by the server's clock",
        "store/server/leases.rs",
        "HOLDS: Duration = Duration::from_secs(4)",
    ),
    (
        "a duty that is not renewed",
        "3 by the instance's",
        "store/server/leases.rs",
        "TRUSTED: Duration = Duration::from_secs(3)",
    ),
    (
        "a sign of other instances",
        "10 seconds",
        "store/server/listener.rs",
        "LOOK_ANYWAY: Duration = Duration::from_secs(10)",
    ),
    (
        "requests in one transaction",
        "256",
        "store/server/owner.rs",
        "GROUP_MAX: usize = 256",
    ),
];

#[test]
fn the_tables_of_limits_have_the_values_of_the_code() {
    let page = page("docs/src/limits.md");
    for (what, limit, file, constant) in LIMITS {
        let source = fs::read_to_string(root().join("src").join(file)).expect(file);
        let is_set = source.contains(&format!("const {constant};"));
        assert!(
            is_set,
            "`{constant}` is not in {file}: mend the table and this test"
        );
        let begin = format!("| {what}");
        let mut rows = page.text.lines().filter(|line| line.starts_with(&begin));
        let is_told = rows.any(|row| {
            row.split('|')
                .nth(2)
                .is_some_and(|cell| cell.contains(limit))
        });
        assert!(is_told, "`{what}` is not told to be {limit}");
    }
}

#[test]
fn the_default_of_a_sinks_timeout_is_that_of_the_reference() {
    let reference = page("docs/src/configuration.md");
    let limits = page("docs/src/limits.md");
    assert!(reference.text.contains("| `timeout` | duration | `15s` |"));
    assert!(
        limits
            .text
            .contains("| 15 seconds | it has failed, and is tried again | `timeout` |")
    );
}
