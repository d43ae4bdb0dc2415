//! Text that nobody meant to write: nothing may panic, and no secret may be shown.

use proptest::prelude::*;

use super::loaded;

const SECRET: &str = "hunter2";

/// Pieces that a configuration is made of, in any order.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "[sources.ttmt]\n",
        "[sinks.phone]\n",
        "[sinks.\"a.b\"]\n",
        "[[rules]]\n",
        "[[tests]]\n",
        "[http]\n",
        "[log]\n",
        "kind = \"ntfy\"\n",
        "name = \"a\"\n",
        "to = [\"phone\", 1, \"ä\"]\n",
        "hours = { days = \"Mon-\", between = \"x\" }\n",
        "hours.zone = 5\n",
        "throttle = { limit = 0 }\n",
        "retry.max = '''\nx\n'''\n",
        "event = { type = 1979-05-27, nan = nan }\n",
        "rules = 3\n",
        "sinks.phone = 4\n",
        "listen = \"0.0.0.0:1\"\r\n",
        "token = \"hunter2\"\n",
        "token = [{ env = \"hunter2\" }, \"\"\"\nhunter2=\n\"\"\"]\n",
        "unknown = { a = ['hunter2'] } # hunter2\n",
        "x.y.z = \"hunter2\n",
        "[",
        "]",
        "{",
        "\"",
        "'''",
        "=",
        ",",
        ".",
        "\u{feff}",
        "\u{1b}[31m",
        "\n",
        "# hunter2\n",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic_or_show_a_secret(
        pieces in prop::collection::vec(piece(), 0..12),
        variable in "(BELLWIRE_)?[A-Z_]{0,12}(__)?[A-Z_]{0,8}",
        colour in any::<bool>(),
    ) {
        let text = pieces.concat();
        let loaded = loaded(&text, &[(&variable, SECRET)]);
        if let Some(report) = loaded.report(colour) {
            prop_assert!(!report.contains(SECRET), "{}\nof\n{}", report, text);
        }
        let printed = format!("{loaded:?}");
        prop_assert!(!printed.contains(SECRET), "{}", printed);
        prop_assert_eq!(loaded.report(false).is_none(), loaded.problems.is_empty());
    }
}

#[test]
fn deep_and_long_texts_are_read_or_refused() {
    let texts = [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}{}", "[".repeat(70), "]".repeat(70)),
        format!("a{} = 1", ".a".repeat(100_000)),
        format!("[a{}]\nb{} = 1", ".a".repeat(70), ".b".repeat(70)),
        "[[rules]]\n".repeat(20_000),
        format!("data_dir = \"{}\" x", "y".repeat(900_000)),
        format!("x{} = 1", "y".repeat(900_000)),
        "\u{feff}data_dir = 1\r\n".to_owned(),
    ];
    for text in texts {
        let report = loaded(&text, &[]).report(true).expect("a mistake");
        let start: String = text.chars().take(20).collect();
        assert!(report.len() < 200_000, "{} bytes for {start}", report.len());
    }
}
