//! What `check` says of a configuration that is right and hardly meant, and of one that is also wrong.

use super::*;
use crate::config;

const TTMT: &str = "[sources.ttmt]\nkind = \"ttmt\"\napi_key = \"ttmt_live_0123456789012345678901234567890123456789012\"\n";
const PHONE: &str = "[sinks.phone]\nkind = \"ntfy\"\ntopic = \"alerts\"\n";

fn made(text: &str) -> Result<Plan, Refused> {
    let environment = [("BELLWIRE_HTTP__TOKEN", "$TOKEN\n")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = match text.contains("[http]") {
        true => environment.into(),
        false => Default::default(),
    };
    Plan::make(
        config::load_text("config.toml".as_ref(), text.to_owned(), environment),
        false,
    )
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let plan = made(text).unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!(plan.warnings, expected, "{text}");
}

/// One sink that every event goes to.
#[track_caller]
fn check_sink(options: &str, expected: &[&str]) {
    let rule = "[[rules]]\nname = \"all\"\nto = [\"it\"]\n";
    check(&format!("{TTMT}[sinks.it]\n{options}\n{rule}"), expected);
}

/// One rule, with the events of a source of each kind within its reach.
#[track_caller]
fn check_rule(rule: &str, expected: &[&str]) {
    let rule = format!("[[rules]]\nname = \"hits\"\nto = [\"phone\"]\n{rule}\n");
    check(&format!("{TTMT}{PHONE}{rule}"), expected);
}

#[test]
fn a_pattern_that_no_event_can_fit_is_told_with_what_was_meant() {
    let told = |rest: &str| format!("`events` of rule `hits`: {rest}");
    let none = "fits no event type that is known of its sources";
    for (rule, expected) in [
        (
            "events = [\"tp_hit\", \"trade_*\", \"breakeven_?et\"]",
            None,
        ),
        ("events = [\"*\"]", None),
        (
            "from = [\"bellwire\"]\nevents = [\"bellwire.source_lost\", \"bellwire.auth_revoked\", \"bellwire.delivery_dead\", \"bellwire.gap\"]",
            None,
        ),
        (
            "events = [\"tp_hit\", \"tp_hitt\"]",
            Some(format!("`tp_hitt` {none}; did you mean `tp_hit`?")),
        ),
        (
            "events = [\"TP_HIT\"]",
            Some(format!(
                "`TP_HIT` {none} (upper and lower case differ); did you mean `tp_hit`?"
            )),
        ),
        (
            "events = [\"bellwire.sink_*\"]",
            Some(format!(
                "`bellwire.sink_*` {none}; add `bellwire` to `from`"
            )),
        ),
        (
            "from = [\"ttmt\", \"bellwire\"]\nevents = [\"bellwire.sink_*\", \"tp_hit\"]",
            None,
        ),
        (
            "from = [\"bellwire\"]\nevents = [\"tp_*\"]",
            Some(format!(
                "`tp_*` {none}; add a source of kind `ttmt` to `from`"
            )),
        ),
        (
            "from = [\"bellwire\"]\nevents = [\"bellwire.gaps\"]",
            Some(format!(
                "`bellwire.gaps` {none}; did you mean `bellwire.gap`?"
            )),
        ),
    ] {
        let rule = match rule.contains("\"bellwire\"]\n") && !rule.contains("ttmt") {
            true => format!("{rule}\n[[rules]]\nname = \"rest\"\nto = [\"phone\"]"),
            false => rule.to_owned(),
        };
        let expected: Vec<String> = expected.iter().map(|rest| told(rest)).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_rule(&rule, &expected);
    }
}

#[test]
fn a_watch_that_hears_nothing_or_that_nobody_hears_of_is_told() {
    let hits = "[[rules]]\nname = \"hits\"\nto = [\"phone\"]\n";
    let own = |more: &str| {
        format!("[[rules]]\nname = \"own\"\nfrom = [\"bellwire\"]\n{more}\nto = [\"phone\"]\n")
    };
    let watch = |more: &str| format!("[[watches]]\nname = \"it\"\nsilent_for = \"2h\"\n{more}\n");
    let check_text = check;
    let check = |rules: &str, more: &str, expected: &[&str]| {
        check_text(
            &format!("{TTMT}{PHONE}{hits}{rules}{}", watch(more)),
            expected,
        );
    };
    let unheard = "nothing rings for watch `it`: no rule listens to `bellwire.silence` (`from = [\"bellwire\"]`, `events = [\"bellwire.silence*\"]`)";
    check("", "", &[unheard]);
    let gaps = own("events = [\"bellwire.gap\", \"bellwire.silence_over\"]");
    check(&gaps, "", &[unheard]);
    check(&own(""), "", &[]);
    // A source may be there for its silence alone.
    check_text(&format!("{TTMT}{PHONE}{}{}", own(""), watch("")), &[]);
    check(
        &own("events = [\"bellwire.gap\", \"bellwire.silence*\"]"),
        "",
        &[],
    );
    check(&own(""), "events = [\"position_*\", \"tp_hit\"]", &[]);
    check(
        &own(""),
        "events = [\"position_*\", \"tp_hitt\"]",
        &[
            "`events` of watch `it`: `tp_hitt` fits no event type that is known of its sources; did you mean `tp_hit`?",
        ],
    );
    check(
        &own(""),
        "events = [\"bellwire.gap\"]",
        &[
            "`events` of watch `it`: `bellwire.gap` fits no event type that is known of its sources; add `bellwire` to `from`",
        ],
    );
    check(
        &own(""),
        "from = [\"bellwire\"]\nevents = [\"bellwire.gap\"]",
        &[],
    );
}

#[test]
fn a_rule_that_hears_a_source_of_any_type_may_wait_for_any_type() {
    let feed = "[sources.feed]\nkind = \"sse\"\nurl = \"http://127.0.0.1:9/\"\n";
    let rule = "[[rules]]\nname = \"hits\"\nevents = [\"tp_hitt\"]\nto = [\"phone\"]\n";
    check(&format!("{TTMT}{feed}{PHONE}{rule}"), &[]);
    // Whether the source that is misspelt may send anything is not known.
    let refused = made(&format!(
        "{TTMT}{feed}{PHONE}{rule}from = [\"ttmt\", \"fed\"]\n"
    ));
    let refused = refused.err().expect("a mistake");
    assert!(refused.report.contains("no source `fed`"), "{refused}");
    assert_eq!(refused.warnings, [""; 0]);
}

#[test]
fn a_name_that_event_does_not_have_is_told_wherever_it_stands() {
    check_rule(
        "when = 'event.typ == \"tp_hit\" and event[\"tpye\"]'\ntitle = \"{{ event.suppressed }} {{ event.soure }}\"\n\
         throttle = { limit = 1, per = \"5m\", key = \"event.idd\" }\nupdate = \"event.id\"",
        &[
            "`when` of rule `hits`: there is no `event.typ`; did you mean `event.type`?",
            "`when` of rule `hits`: there is no `event.tpye`; did you mean `event.type`?",
            "`title` of rule `hits`: there is no `event.soure`; did you mean `event.source`?",
            "`throttle.key` of rule `hits`: there is no `event.idd`; did you mean `event.id`?",
        ],
    );
    check_sink(
        "kind = \"ntfy\"\ntopic = \"alerts\"\nmessage = \"\"\"\n{{ event.type }}\n{{ event.price }}\"\"\"\n\
         click = \"https://example.org/{{ event.typ }}\"\nordered = \"event.ids\"",
        &[
            "`sinks.it.ordered`: there is no `event.ids`; did you mean `event.id`?",
            "`sinks.it.message`: there is no `event.price` (line 2 of this text); possible are `source`, `id`, `type`, `time`, `backfilled`, `suppressed`, `suppressed_since`, `fallback`, `partial`",
            "`sinks.it.click`: there is no `event.typ`; did you mean `event.type`?",
        ],
    );
}

#[test]
fn what_a_sink_never_does_with_its_options_is_told() {
    let secret = "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    check_sink(
        &format!(
            "kind = \"webhook\"\nurl = \"http://home.example/\"\nsignature = \"none\"\nsecret = {secret}"
        ),
        &["`sinks.it.secret` signs nothing beside `signature = \"none\"`; leave out one of them"],
    );
    check_sink(
        &format!(
            "kind = \"webhook\"\nurl = \"http://home.example/\"\nsecret = [{secret}, {secret}]"
        ),
        &["`sinks.it.secret[1]` is the same secret as one before it"],
    );
    let button = "topic = \"alerts\"\nactions = [{ label = \"{{ data.symbol }}\", url = \"https://example.org/{{ data.symbol }}\" }]";
    check_sink(
        &format!("kind = \"ntfy\"\n{button}"),
        &[
            "`sinks.it.actions[0].label` is shown as it stands; templates are for a button's `url` and `body`",
        ],
    );
    for token in ["$NTFY_TOKEN", "${NTFY_TOKEN}"] {
        check_sink(
            &format!("kind = \"ntfy\"\ntopic = \"alerts\"\ntoken = \"{token}\""),
            &[
                "`sinks.it.token` looks like a variable, and a file fills none in; write `{ env = \"NAME\" }`",
            ],
        );
    }
    check_sink(
        "kind = \"ntfy\"\ntopic = \"alerts\"\ntoken = \"tk_$NTFY\"",
        &[],
    );
}

#[test]
fn a_sink_that_rings_for_what_is_sent_silently_is_told() {
    let slack =
        "[sinks.desk]\nkind = \"slack\"\nurl = \"https://hooks.slack.com/services/T0/B0/x\"\n";
    let hook =
        "[sinks.hook]\nkind = \"webhook\"\nsignature = \"none\"\nurl = \"http://home.example/\"\n";
    let hours = "hours = { days = \"Mon-Fri\", zone = \"UTC\"";
    let rule = |name: &str, more: &str| {
        format!("[[rules]]\nname = \"{name}\"\nto = [\"phone\", \"desk\", \"hook\"]\n{more}\n")
    };
    let rules = [
        rule("loud", &format!("{hours} }}")),
        rule("night", &format!("{hours}, quiet = true }}")),
        rule("late", "backfilled = \"quiet\""),
    ];
    check(
        &format!("{TTMT}{PHONE}{slack}{hook}{}", rules.concat()),
        &[
            "`hours.quiet` of rule `night` silences nothing at sink `desk`: slack has no silent messages",
            "`backfilled` of rule `late` silences nothing at sink `desk`: slack has no silent messages",
        ],
    );
}

#[test]
fn a_zone_that_does_not_exist_is_a_mistake_of_a_rule_and_of_a_watch() {
    let hours = "hours = { days = \"Mon\", zone = \"Europe/Berln\" }\n";
    let rule = format!("[[rules]]\nname = \"all\"\nto = [\"phone\"]\n{hours}");
    let watch = format!("[[watches]]\nname = \"all\"\nsilent_for = \"2h\"\n{hours}");
    let refused = made(&format!("{TTMT}{PHONE}{rule}{watch}")).err();
    let report = refused.expect("two mistakes").report;
    for line in [10, 14] {
        let place = format!("--> config.toml:{line}:");
        assert!(report.contains(&place), "{report}");
    }
    assert_eq!(
        report
            .matches("error: unknown time zone `Europe/Berln`")
            .count(),
        2
    );
    assert_eq!(
        report
            .matches("help: did you mean `Europe/Berlin`?")
            .count(),
        2
    );
}

#[test]
fn an_address_of_the_other_platform_is_told_unless_it_takes_this_form() {
    let discord = "https://discord.com/api/webhooks/1/token";
    check_sink(
        &format!("kind = \"slack\"\nurl = \"{discord}\""),
        &[
            "`sinks.it.url` is an address of Discord, which does not understand kind `slack`; set `kind = \"discord\"`",
        ],
    );
    check_sink(&format!("kind = \"slack\"\nurl = \"{discord}/slack\""), &[]);
    let slack = "https://hooks.slack.com/services/T0/B0/x";
    check_sink(
        &format!("kind = \"discord\"\nurl = \"{slack}\""),
        &[
            "`sinks.it.url` is an address of Slack, which does not understand kind `discord`; set `kind = \"slack\"`",
        ],
    );
    check_sink(&format!("kind = \"slack\"\nurl = \"{slack}\""), &[]);
    check_sink(&format!("kind = \"discord\"\nurl = \"{discord}\""), &[]);
}

#[test]
fn an_address_that_is_never_dialled_is_told() {
    let told = "sink `it` has a link-local or metadata address, which is never dialled without `allow_link_local = true`";
    for options in [
        "kind = \"webhook\"\nsignature = \"none\"\nurl = \"http://169.254.169.254/hook\"",
        "kind = \"webhook\"\nsignature = \"none\"\nurl = \"http://[fe80::1]:8080/\"",
        "kind = \"ntfy\"\ntopic = \"alerts\"\nserver = \"http://169.254.1.1\"",
        "kind = \"mqtt\"\ntopic = \"alerts\"\nurl = \"mqtt://169.254.1.1\"",
    ] {
        check_sink(options, &[told]);
        check_sink(&format!("{options}\nallow_link_local = true"), &[]);
    }
    check_sink(
        "kind = \"webhook\"\nsignature = \"none\"\nurl = \"http://192.168.1.2/hook\"",
        &[],
    );
}

#[test]
fn a_heartbeat_that_never_arrives_is_told() {
    let rule = "[[rules]]\nname = \"all\"\nto = [\"phone\"]\n";
    let text = |url: &str| format!("{TTMT}{PHONE}{rule}[heartbeat]\nurl = \"{url}\"\n");
    check(&text("http://192.168.1.2/ping"), &[]);
    check(
        &text("http://169.254.169.254/ping"),
        &["the heartbeat has a link-local or metadata address, which is never dialled"],
    );
    let long = format!("https://example.org/{}", "x".repeat(5_000));
    let refused = made(&text(&long)).err().expect("a mistake").report;
    assert!(refused.contains("this address is too long"), "{refused}");
    assert!(refused.contains("--> config.toml:11:"), "{refused}");
    assert!(!refused.contains("xxx"), "{refused}");
}

#[test]
fn what_is_doubtful_is_told_beside_what_is_wrong() {
    let rule = "[[rules]]\nname = \"hits\"\nto = [\"phone\"]\ntitle = \"{{ event.typ }}\"\n";
    let refused = made(&format!("{TTMT}{PHONE}colour = \"red\"\n{rule}"));
    let refused = refused.err().expect("a mistake");
    assert!(refused.report.contains("unknown key `colour`"), "{refused}");
    assert_eq!(
        refused.warnings,
        ["`title` of rule `hits`: there is no `event.typ`; did you mean `event.type`?"]
    );
    // What seems to be missing or unused may be what is misspelt.
    for (from, to) in [
        ("[[rules]]", "[[rule]]"),
        ("[sinks.", "[sink."),
        ("to = [\"phone\"]", "to = [\"phnoe\"]"),
        ("to = [\"phone\"]", "too = [\"phone\"]"),
    ] {
        let text = format!("{TTMT}{PHONE}{}", rule.replace("event.typ", "event.type"));
        let refused = made(&text.replace(from, to)).err().expect("a mistake");
        assert_eq!(refused.warnings, [""; 0], "{to}: {refused}");
    }
    let lonely = format!("{TTMT}{PHONE}[sinks.desk]\nkind = \"ntfy\"\ntopic = \"x\"\ncolour = 1\n");
    let refused = made(&format!("{lonely}{}", rule.replace("typ ", "type ")));
    assert_eq!(
        refused.err().expect("a mistake").warnings,
        ["no rule sends to the sink `desk`"]
    );
}

#[test]
fn a_secret_from_the_environment_has_no_line_end() {
    let rule = "[[rules]]\nname = \"all\"\nto = [\"phone\"]\n";
    let text = format!("[http]\nlisten = \"off\"\n{TTMT}{PHONE}{rule}");
    let plan = made(&text).unwrap_or_else(|refused| panic!("{refused}"));
    let token = plan.config.http.token.expect("a token");
    assert_eq!(token.expose(), "$TOKEN");
}

#[test]
fn a_fallback_that_comes_too_late_is_told() {
    let sms = "[sinks.sms]\nkind = \"ntfy\"\ntopic = \"other\"\n";
    let rule = |more: &str| {
        format!(
            "{TTMT}{PHONE}{sms}[[rules]]\nname = \"hits\"\nto = [\"phone\"]\nfallback = {{ to = \"sms\", after = \"20m\" }}\n{more}"
        )
    };
    check(&rule("expires = \"21m\""), &[]);
    check(
        &rule("expires = \"20m\""),
        &[
            "`fallback` of rule `hits` steps in after 20m, when an alert that waits for `phone` has expired already",
        ],
    );
}

#[test]
fn tests_that_are_not_run_are_named() {
    let test = "[[tests]]\nname = \"t\"\nevent = { type = \"x\" }\nexpect = [\"phone\"]\n";
    let text = format!(
        "{TTMT}{PHONE}[[rules]]\nname = \"hits\"\nto = [\"phone\"]\nwhen = \"data.(\"\n{test}"
    );
    let refused = made(&text).err().expect("a mistake");
    let told = "the `[[tests]]` were not run, since there are other mistakes";
    assert!(
        refused.warnings.iter().any(|it| it == told),
        "{:?}",
        refused.warnings
    );
    assert!(!refused.report.contains("tests[0]"), "{}", refused.report);
}
