//! The address of the server that a queue is on, which has a password in it.

use bellwire::model::Secret;
use bellwire::store::Server;

use super::marks::{HUSH, check_hushed};
use crate::harness::{Bridge, free_address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_told_without_its_password_when_nobody_answers_there() {
    let closed = free_address();
    let url = format!("postgres://me:{HUSH}@{closed}/alerts?sslmode=disable");
    let server = Server::at(&Secret::new(url.clone()), "bellwire").expect("an address");
    check_hushed(
        "the server",
        format!("{server:?} {}", server.shown()).as_bytes(),
    );
    let bridge = Bridge::new(&format!(
        "store.url = \"{url}\"\nhttp.listen = \"off\"\n\
         [sinks.it]\nkind = \"exec\"\ncommand = [\"true\"]\nallow_exec = true\n\
         [[rules]]\nname = \"all\"\nto = [\"it\"]\n"
    ));
    for words in [
        ["queue", "list"],
        ["queue", "instances"],
        ["replay", "--since=1h"],
    ] {
        let told = bridge.tool(&words).await;
        let said = format!("{}{}", told.out, told.complaint);
        check_hushed(&words.join(" "), said.as_bytes());
        assert!(
            told.complaint.contains(&format!("{closed}/alerts")),
            "{told:?}"
        );
        assert_eq!(told.status, Some(1), "{told:?}");
    }
}

#[test]
fn one_that_is_no_address_is_refused_without_a_word_of_it() {
    for wrong in [
        format!("postgres://me:{HUSH}@/alerts"),
        format!("postgres://me:{HUSH}@db.example:port/alerts"),
        format!("mysql://me:{HUSH}@db.example/alerts"),
        format!("postgres://me:{HUSH}@db.example/alerts?sslmode={HUSH}"),
        format!("postgres://me:{HUSH}@db.example/alerts?{HUSH}=1"),
    ] {
        let refused = Server::at(&Secret::new(wrong.clone()), "bellwire");
        let why = refused.expect_err(&wrong);
        check_hushed("the refusal", why.as_bytes());
        assert!(!why.is_empty());
    }
}
