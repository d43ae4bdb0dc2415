//! The address of a Discord webhook, from any form in which people paste it.
//!
//! A file of its own because the version in the path decides whether waits are seconds or
//! milliseconds, and `wait=true` whether a message that was not saved is reported at all. The paths of
//! other hosts are theirs: a proxy, or a server that only speaks like Discord, may know no version.

use http::Uri;
use url::Url;

use super::super::address::{self, Address};
use crate::config::Table;

const VERSION: &str = "v10";

const HELP: &str =
    "the webhook's address as Discord shows it: `https://discord.com/api/webhooks/ID/TOKEN`";

/// Reads `url` and `thread_id`.
pub(super) fn read(options: &mut Table) -> Option<Address> {
    let url = address::url(options, "url", HELP);
    let thread_id = read_thread_id(options);
    if url
        .as_ref()
        .is_some_and(|url| address::is_at(url, &address::SLACK_HOSTS))
    {
        options.warn(format!(
            "`{}` is an address of Slack, which does not understand kind `discord`; set `kind = \"slack\"`",
            options.path_of("url")
        ));
    }
    url.and_then(|url| {
        placed(url, thread_id.as_deref())
            .and_then(|(url, credential)| Address::new(url, &credential))
            .map_err(|message| options.wrong("url", message, HELP))
            .ok()
    })
}

fn read_thread_id(options: &mut Table) -> Option<String> {
    let id = options.string("thread_id")?;
    if id.is_empty() || id.len() > 20 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        options.wrong(
            "thread_id",
            "this is no id of a thread",
            "its digits, as \"Copy Thread ID\" gives them, in quotes",
        );
    }
    Some(id)
}

/// The address that requests go to, and the path that is the credential.
pub(super) fn placed(mut url: Url, thread_id: Option<&str>) -> Result<(Url, String), &'static str> {
    let segments: Vec<String> = url
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect();
    if is_discord(&url) {
        match webhook_path(&segments) {
            Some(path) => url.set_path(&path),
            None => return Err("this is no address of a Discord webhook"),
        }
    }
    let credential = format!("{}{}", address::host(&url), url.path());
    set_query(&mut url, thread_id);
    Ok((url, credential))
}

/// Whether requests go to a path at which Discord, and whoever is compatible with it, shows the
/// webhook to a `GET`.
pub(super) fn is_documented(path: &str) -> bool {
    let segments: Vec<&str> = path.trim_end_matches('/').rsplit('/').take(5).collect();
    match segments.as_slice() {
        [_, _, "webhooks", "api", ..] => true,
        [_, _, "webhooks", version, "api"] => is_version(version),
        _ => false,
    }
}

/// Where a message is edited that was posted to an address, with the thread that it is in.
pub(super) fn of_message(posted_to: &Uri, id: &str) -> Uri {
    let thread = posted_to
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|parameter| !parameter.starts_with("wait="))
        .fold(String::new(), |all, parameter| match all.is_empty() {
            true => format!("?{parameter}"),
            false => format!("{all}&{parameter}"),
        });
    let webhook = posted_to.path().trim_end_matches('/');
    let path = format!("{webhook}/messages/{id}{thread}");
    let mut parts = posted_to.clone().into_parts();
    parts.path_and_query = Some(path.parse().expect("a path with more words is one"));
    Uri::from_parts(parts).expect("an address with another path is one")
}

/// `…/api/v10/webhooks/ID/TOKEN` for any path that ends in `webhooks/ID/TOKEN`.
fn webhook_path(segments: &[String]) -> Option<String> {
    let (before, webhook) = segments.split_at_checked(segments.len().checked_sub(3)?)?;
    if webhook.first()? != "webhooks" {
        return None;
    }
    let prefix = match before {
        [prefix @ .., api, version] if api == "api" && is_version(version) => prefix,
        [prefix @ .., api] if api == "api" => prefix,
        prefix => prefix,
    };
    let path: Vec<&str> = prefix
        .iter()
        .map(String::as_str)
        .chain(["api", VERSION])
        .chain(webhook.iter().map(String::as_str))
        .collect();
    Some(format!("/{}", path.join("/")))
}

fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn is_discord(url: &Url) -> bool {
    address::is_at(url, &address::DISCORD_HOSTS)
}

/// Keeps other parameters, in their order, and sets ours.
fn set_query(url: &mut Url, thread_id: Option<&str>) {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != "wait" && (name != "thread_id" || thread_id.is_none()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut pairs = url.query_pairs_mut();
    pairs.clear().extend_pairs(kept).append_pair("wait", "true");
    if let Some(id) = thread_id {
        pairs.append_pair("thread_id", id);
    }
}
