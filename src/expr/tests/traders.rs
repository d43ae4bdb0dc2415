//! The filters that traders need: exact amounts, pips, and times as they read them.

use super::*;

const DATA: &str = r#"{"symbol":"XAUUSD","direction":"buy","entry_price":3342.1,"close_price":3347.06,
"big":12345678901234567890.125,"half":1.005,"pl":"-2.2","currency":"USD","none":null,
"eur":{"symbol":"EURUSD.r","direction":"sell","entry":1.08420,"close":1.08621},"yen":"GBPJPY","nas":"NAS100",
"closed_at":"2026-06-11T07:57:18Z","winter":"2026-01-11T07:57:18Z","zone":"Europe/Berlin","nowhere":"Europe/Atlantis"}"#;

fn check(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        assert_eq!(render(source, DATA).as_deref(), Ok(*expected), "{source}");
    }
}

#[test]
fn money_and_prices_are_exact() {
    check(&[
        (
            "{{ data.big|money(data.currency) }}",
            "+12345678901234567890.13 USD",
        ),
        ("{{ data.half|money }}", "+1.01"),
        ("{{ data.pl|money }}", "-2.20"),
        ("{{ data.entry_price|price }}", "3342.1"),
        ("{{ data.entry_price|price(data.close_price) }}", "3342.10"),
        (
            "{{ (data.entry_price + data.close_price)|price(data.close_price) }}",
            "6689.16",
        ),
        ("{{ data.entry_price|price(data.none) }}", "3342.1"),
        (
            "[{{ data.none|price(data.close_price) }}{{ data.none|money('USD') }}]",
            "[]",
        ),
        ("{{ data.symbol|price(data.entry_price) }}", "XAUUSD"),
    ]);
}

#[test]
fn pips_are_told_where_a_symbol_tells_what_a_pip_is() {
    check(&[
        (
            "{{ data.close_price|pips(data.entry_price, data.symbol) }}",
            "49.6",
        ),
        (
            "{{ data.entry_price|pips(data.close_price, data.symbol) }}",
            "-49.6",
        ),
        (
            "{{ data.entry_price|pips(data.close_price, data.symbol, 'SELL') }}",
            "49.6",
        ),
        (
            "{{ data.eur.close|pips(data.eur.entry, data.eur.symbol) }}",
            "20.1",
        ),
        (
            "{{ data.eur.close|pips(data.eur.entry, data.eur.symbol, data.eur.direction) }}",
            "-20.1",
        ),
        ("{{ 196.73|pips(196.42, data.yen) }}", "31"),
        ("{{ '196.42'|pips(196.42, data.yen) }}", "0"),
        ("{{ 0.1|pips(0.3, 'EURUSD') }}", "-2000"),
        (
            "[{{ data.close_price|pips(data.entry_price, data.nas) }}]",
            "[]",
        ),
        (
            "[{{ data.none|pips(data.entry_price, data.symbol) }}]",
            "[]",
        ),
        (
            "[{{ data.close_price|pips(data.missing, data.symbol) }}]",
            "[]",
        ),
        (
            "[{{ data.close_price|pips(data.entry_price, data.missing) }}]",
            "[]",
        ),
        ("[{{ data.close_price|pips(true, data.symbol) }}]", "[]"),
    ]);
    let far = "data.close_price|pips(data.entry_price, data.symbol) > 49";
    assert_eq!(matches(far, DATA), Ok(true), "a condition can compare them");
    let unknown = "data.close_price|pips(data.entry_price, data.nas) > -9999";
    assert_eq!(matches(unknown, DATA), Ok(false));
}

#[test]
fn ago_is_counted_to_the_moment_of_rendering() {
    let at = |seconds: i64| {
        let template = Template::compile("{{ event.time|ago }}").expect("right");
        let happened: Timestamp = "2026-06-11T07:58:03.612Z".parse().expect("a time");
        let now = Timestamp::from_second(happened.as_second() + seconds).expect("in range");
        template
            .render(&Scope::new(&event("{}")).at(now))
            .expect("renders")
    };
    for (seconds, expected) in [
        (-60, "0 s"),
        (1, "0 s"),
        (46, "45 s"),
        (61, "1 min"),
        (3599, "59 min"),
        (3601, "1 h"),
        (7501, "2 h 5 min"),
        (86_401, "1 d"),
        (349_201, "4 d 1 h"),
    ] {
        assert_eq!(at(seconds), expected, "{seconds}");
    }
    check(&[
        ("{{ data.closed_at|ago }}", "218 d"),
        (
            "[{{ data.missing|ago }}{{ data.none|ago }}{{ data.symbol|ago }}{{ data.half|ago }}]",
            "[]",
        ),
    ]);
    let burst = Scope::bundle(&[event("{}")], &crate::expr::Beside::default()).expect("not empty");
    let template = Template::compile_coalesced("{{ events[0].event.time|ago }}").expect("right");
    let received = event("{}").received;
    assert_eq!(template.render(&burst.at(received)).as_deref(), Ok("218 d"));
}

#[test]
fn local_time_knows_summer_and_winter() {
    check(&[
        (
            "{{ event.time|local('Europe/Berlin') }}",
            "2026-06-11 09:58",
        ),
        ("{{ event.time|local('Europe/Berlin', '%H:%M') }}", "09:58"),
        ("{{ data.winter|local('Europe/Berlin', '%H:%M') }}", "08:57"),
        (
            "{{ data.winter|local('America/New_York', '%a %H:%M %Z') }}",
            "Sun 02:57 EST",
        ),
        (
            "{{ event.time|local('America/New_York', '%a %H:%M %Z') }}",
            "Thu 03:58 EDT",
        ),
        ("{{ event.time|local('Asia/Kolkata') }}", "2026-06-11 13:28"),
        ("{{ event.time|local('UTC') }}", "2026-06-11 07:58"),
        ("{{ event.time|local(data.zone) }}", "2026-06-11 09:58"),
        // The last and the first minute of a night that lasts an hour longer.
        (
            "{{ '2026-10-25T00:59:00Z'|local('Europe/Berlin', '%H:%M %Z') }}",
            "02:59 CEST",
        ),
        (
            "{{ '2026-10-25T01:00:00Z'|local('Europe/Berlin', '%H:%M %Z') }}",
            "02:00 CET",
        ),
        ("[{{ data.missing|local('UTC') }}]", "[]"),
        ("{{ data.symbol|local('UTC') }}", "XAUUSD"),
    ]);
    for wrong in [
        "{{ event.time|local(data.nowhere) }}",
        "{{ event.time|local(data.missing) }}",
        "{{ event.time|local(data.zone, '%H' ~ data.nowhere * 40) }}",
        "{{ event.time|local(data.zone, '%' ~ '!') }}",
    ] {
        assert!(render(wrong, DATA).is_err(), "{wrong}");
    }
}

#[test]
fn wrong_arguments_are_found_before_any_event() {
    for (source, message, help) in [
        (
            "{{ event.time|local('Europe/Berln') }}",
            "unknown time zone `Europe/Berln`",
            "did you mean `Europe/Berlin`?",
        ),
        (
            "{{ event.time|local('berlin') }}",
            "unknown time zone `berlin`",
            "did you mean `Europe/Berlin`?",
        ),
        (
            "{{ event.time|local('Mars/Olympus Mons') }}",
            "unknown time zone `Mars/Olympus Mons`",
            "`America/New_York`",
        ),
        (
            "{{ event.time|local(2) }}",
            "unknown time zone `2`",
            "`Europe/Berlin`",
        ),
        (
            "{{ event.time|local('UTC', '%') }}",
            "`%` is no format of a time",
            "`%H:%M`",
        ),
        (
            "{{ event.time|local }}",
            "`local` cannot take 0 arguments",
            "write `event.time|local",
        ),
        (
            "{{ event.time|ago('UTC') }}",
            "`ago` cannot take 1 arguments",
            "write `event.time|ago`",
        ),
        (
            "{{ data.a|pips(data.b) }}",
            "`pips` cannot take 1 arguments",
            "data.symbol",
        ),
        (
            "{{ data.a|pips(data.b, symbol='EURUSD') }}",
            "`pips` takes plain arguments only",
            "data.symbol",
        ),
        (
            "{{ data.a|monney }}",
            "unknown filter `monney`",
            "did you mean `money`?",
        ),
        (
            "{{ data.a|pip(data.b) }}",
            "unknown filter `pip`",
            "did you mean `pips`?",
        ),
        (
            "{% if event.time|local('x') == 'y' %}{% endif %}",
            "unknown time zone `x`",
            "`UTC`",
        ),
    ] {
        let mistake = mistake(source, Template::compile(source));
        assert_eq!(mistake.message, message);
        let told = mistake.help.unwrap_or_default();
        assert!(told.contains(help), "{source}: {told}");
    }
}
