//! The address of a server, and what is wrong with one.
//!
//! It has a password in it, and the library's own words may have a part of that in them. So what is told are
//! words of our own, with nothing of the address but the names of options that everybody knows.

use std::str::FromStr as _;

use tokio_postgres::Config;

/// The schemes that an address may begin with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// What PostgreSQL's own clients take besides what a host, a user and a database are.
const OPTIONS: [&str; 20] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "gssencmode",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "load_balance_hosts",
    "options",
    "passfile",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Reads an address.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(address: &str) -> Result<Config, String> {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    let is_url = scheme.is_some_and(|scheme| scheme.chars().all(char::is_alphanumeric));
    if is_url && !SCHEMES.iter().any(|scheme| address.starts_with(scheme)) {
        return Err("it begins with another scheme than `postgres://`".to_owned());
    }
    // As the library has it: what is before the first `@` is the user and the password.
    let behind = match address.split_once('@') {
        _ if !is_url => "",
        Some((_, behind)) => behind,
        None => address,
    };
    let (place, options) = behind.split_once('?').unwrap_or((behind, ""));
    // Another one belongs to a password, whose end would be taken for the host, and hosts are shown.
    if place.contains('@') {
        return Err("it has two `@`; in a user name or a password write `%40`".to_owned());
    }
    let config = Config::from_str(address).map_err(|_| match of_option(options) {
        Some(why) => why,
        None => "it is no address of a PostgreSQL server, or has an option that is unknown; in a \
                 user name or a password `@`, `:`, `/`, `?`, `#` and `%` are written as `%40`, `%3A`, \
                 `%2F`, `%3F`, `%23` and `%25`"
            .to_owned(),
    })?;
    match config.get_hosts().is_empty() {
        true => Err("it names no host".to_owned()),
        false => Ok(config),
    }
}

/// What is wrong with the first option that is, where everybody knows its name.
fn of_option(options: &str) -> Option<String> {
    let wrong = options
        .split('&')
        .find(|option| Config::from_str(&format!("postgres://host/?{option}")).is_err())?;
    let (name, _) = wrong.split_once('=')?;
    let name = OPTIONS.iter().find(|known| **known == name)?;
    Some(match *name {
        "sslmode" => "its `sslmode` is `disable`, `prefer` or `require`; wherever TLS is used the \
                      certificate is verified, its name included"
            .to_owned(),
        name => format!("its option `{name}` is unknown here, or has a value that cannot be"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_not_encoded_is_refused_before_it_can_be_taken_for_a_host() {
        for password in ["S3c@ret", "S3c@ret/pw#42", "@", "a:b@c", "a?b@c"] {
            let address = format!("postgres://me:{password}@db.example/alerts");
            let why = read(&address).expect_err(password);
            assert!(why.contains("`%40`"), "{why}");
        }
        let config = read("postgresql://me:S3c%40ret@db.example/alerts").expect("an address");
        assert_eq!(config.get_password(), Some(b"S3c@ret".as_slice()));
        assert!(read("postgres://me:pw@db.example/alerts?application_name=a@b").is_ok());
        assert!(read("host=db.example user=me password=S3c@r@t").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named_as_far_as_it_is_no_secret() {
        for (address, part) in [
            ("mysql://me:pw@db.example/alerts", "another scheme"),
            (
                "postgres://db.example/alerts?sslmode=verify-full",
                "`disable`, `prefer` or `require`",
            ),
            (
                "postgres://db.example/a?sslmode=disable&sslrootcert=x",
                "`sslrootcert`",
            ),
            ("postgres://db.example:99999/alerts", "no address"),
            ("postgres://me:pw@/alerts", "no host"),
        ] {
            let why = read(address).expect_err(address);
            assert!(why.contains(part), "{why}");
        }
        for secret in ["a@b?sec=r", "a@b?c&sec=r", "a:b?sec:99999", "%zz?sec"] {
            let address = format!("postgres://me:{secret}@db.example:port/x");
            let why = read(&address).expect_err(secret);
            assert!(!why.contains("sec"), "{why}");
        }
    }
}
