//! What the answer to `GET /accounts` says about a key and about the account that is configured.
//!
//! A file of its own because it is pure. It goes by the status alone, never by words meant for people.

use http::StatusCode;

use crate::intake::words;
use crate::sinks::Heard;
use crate::sources::ttmt_rest::{Answer, Page, Refused, TradingAccount, Uuid};

/// What is fine or wrong, and the accounts that were seen.
pub(super) fn judge(answer: &Answer<Page>, wanted: Option<&Uuid>) -> (Heard, Vec<TradingAccount>) {
    let reason = match answer {
        Answer::Found(page) => {
            let accounts = TradingAccount::of_page(page);
            return (found(&accounts, wanted), accounts);
        }
        Answer::Refused(refused) => self::refused(refused),
        Answer::Unreadable(why) => format!("answered, but {why}; check `base_url`"),
        Answer::Unsent(why) => why.to_string(),
        Answer::Failed(failure) => failure.to_string(),
    };
    (Err(reason), Vec::new())
}

fn found(accounts: &[TradingAccount], wanted: Option<&Uuid>) -> Heard {
    match wanted {
        None if accounts.is_empty() => Ok("the key is valid, no account is connected".to_owned()),
        None => Ok("the key is valid".to_owned()),
        Some(wanted) if accounts.iter().any(|account| account.is(wanted)) => {
            Ok("the key is valid and `account_id` is among its accounts".to_owned())
        }
        Some(wanted) => {
            let cure = match accounts {
                [] => "no account is connected",
                _ => "take one of these",
            };
            Err(format!(
                "the key is valid, but `account_id` {wanted} is not among its accounts; {cure}"
            ))
        }
    }
}

fn refused(refused: &Refused) -> String {
    match (refused.status, refused.retry_after) {
        (401, _) => words::REVOKED.to_owned(),
        (403, _) => words::SUSPENDED.to_owned(),
        (429, Some(wait)) => format!(
            "over the limit of the key; it may ask again in {} s",
            wait.as_secs_f64().ceil()
        ),
        (429, None) => "over the limit of the key; it may ask again in a minute".to_owned(),
        (300..=399 | 404 | 405, _) => format!("{}; check `base_url`", status(refused.status)),
        (other, _) => status(other),
    }
}

fn status(status: u16) -> String {
    let known = StatusCode::from_u16(status).ok();
    match known.and_then(|status| status.canonical_reason()) {
        Some(title) => format!("answered {status} {title}"),
        None => format!("answered {status}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::model::Failure;
    use crate::sources::ttmt_rest::Unreadable;

    const OURS: &str = "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";

    fn page(ids: &[&str]) -> Answer<Page> {
        let rows: Vec<_> = ids.iter().map(|id| json!({ "account_id": id })).collect();
        Answer::Found(Page::read(json!(rows)).expect("a list"))
    }

    fn refused(status: u16, seconds: Option<f64>) -> Answer<Page> {
        Answer::Refused(Refused {
            retry_after: seconds.map(Duration::from_secs_f64),
            problem: Some("https://x/problems/unauthorized".to_owned()),
            ..Refused::of(status)
        })
    }

    #[test]
    fn auth_4_auth_5_every_answer_says_what_to_do_about_the_key() {
        let check = |answer: &Answer<Page>, heard: Result<&str, &str>| {
            let (told, _) = judge(answer, None);
            let told = told.as_deref().map_err(String::as_str);
            assert_eq!(told, heard, "{answer:?}");
        };
        check(&page(&[OURS]), Ok("the key is valid"));
        check(&page(&[]), Ok("the key is valid, no account is connected"));
        check(
            &refused(401, None),
            Err("the key is unknown or was revoked; configure a new `api_key`"),
        );
        check(
            &refused(403, None),
            Err("access is disabled for the account; the same key works again once access returns"),
        );
        check(
            &refused(429, Some(16.2)),
            Err("over the limit of the key; it may ask again in 17 s"),
        );
        check(
            &refused(429, None),
            Err("over the limit of the key; it may ask again in a minute"),
        );
        check(
            &refused(302, None),
            Err("answered 302 Found; check `base_url`"),
        );
        check(
            &refused(404, None),
            Err("answered 404 Not Found; check `base_url`"),
        );
        check(&refused(503, None), Err("answered 503 Service Unavailable"));
        check(&refused(599, None), Err("answered 599"));
        check(
            &Answer::Unreadable(Unreadable::NotJson),
            Err("answered, but the answer is no JSON; check `base_url`"),
        );
        check(&Answer::Failed(Failure::Refused), Err("connection refused"));
    }

    #[test]
    fn page_5_the_configured_account_is_looked_for_among_all_of_them() {
        let other = "c90e7b52-3d14-4f86-a2cb-51f7d8e06a93";
        let check = |ids: &[&str], heard: Result<&str, &str>| {
            let wanted = OURS.parse().expect("a UUID");
            let (told, accounts) = judge(&page(ids), Some(&wanted));
            assert_eq!(told.as_deref().map_err(String::as_str), heard);
            assert_eq!(accounts.len(), ids.len(), "all are told");
        };
        let among = "the key is valid and `account_id` is among its accounts";
        check(&[other, OURS], Ok(among));
        let missing =
            format!("the key is valid, but `account_id` {OURS} is not among its accounts; ");
        check(&[other], Err(&format!("{missing}take one of these")));
        check(&[], Err(&format!("{missing}no account is connected")));
    }
}
