//! `bellwire init`: a configuration from five questions.
//!
//! It writes one file at the end or none at all, and never over another. Each answer is tried against who
//! it is about, as `check --online` would; what cannot be reached now can be kept all the same, since a
//! machine is often set up before its network is.

mod ask;
mod draft;
mod hours;
mod trial;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use self::ask::{Ask, Checked, Question};
use self::draft::{Alerts, Draft, Key, Kind, Place};
use self::trial::Trials;
use super::failed::Failed;
use super::{Exit, configuration, output};
use crate::app;
use crate::config;

/// The file that is written where nobody names one.
const FILE: &str = "config.toml";

/// The variable that a key is usually in.
const KEY_VARIABLE: &str = "TTMT_API_KEY";

/// Write a configuration from five questions: the API key, which alerts, where to, the topic or address,
/// and quiet hours.
///
/// Each answer is tried against the real service as far as that is possible without sending anything, and
/// asked for again where it is wrong. Where a service only cannot be reached, Enter keeps the answer.
///
/// Keys are not shown as they are typed. They go into the file, which nobody else on this machine can
/// read. No file is overwritten.
///
/// Without a terminal the answers are lines of standard input, an empty one for the default.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  bellwire init
  bellwire init --config /etc/bellwire/config.toml
  bellwire init --offline < answers.txt

Exit status: 0 the file is written, 1 it is not: it is there already, or the answers ended, 2 wrong \
command line, or variables that begin with BELLWIRE_ make the file wrong.")]
pub(super) struct Args {
    /// The file to write [default: `BELLWIRE_CONFIG`, ./config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Try nothing: connect to nobody
    #[arg(long)]
    offline: bool,
    /// The REST API of another TTMT, such as a simulated one
    #[arg(long, value_name = "URL", hide = true)]
    base_url: Option<String>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let environment = config::process_environment();
    let named = args.config.clone().or_else(|| {
        let variable = environment.get("BELLWIRE_CONFIG");
        variable.filter(|file| !file.is_empty()).map(PathBuf::from)
    });
    let file = named.unwrap_or_else(|| PathBuf::from(FILE));
    let shown = file.display();
    if fs::symlink_metadata(&file).is_ok() {
        anyhow::bail!(
            "`{shown}` is there already and stays as it is; name another with `--config`"
        );
    }
    let key = environment.get(KEY_VARIABLE).filter(|key| !key.is_empty());
    let trials = Trials {
        file: &file,
        is_offline: args.offline,
        key: key.cloned(),
    };
    let stop = app::stop_on_signals().context("signals cannot be watched")?;
    let mut ask = Ask::new(stop);
    let Some(draft) = answers(&mut ask, &trials, args.base_url).await? else {
        anyhow::bail!("the answers ended before the last question; nothing was written");
    };
    let text = draft.text();
    configuration::of_text(&file, text.clone()).map_err(Failed::from)?;
    write(&file, &text).with_context(|| format!("`{shown}` cannot be written"))?;
    output::text(&draft.farewell(&file, args.config.is_some()));
    Ok(Exit::Done)
}

/// All answers; nothing where they end too soon.
async fn answers(
    ask: &mut Ask,
    trials: &Trials<'_>,
    base_url: Option<String>,
) -> anyhow::Result<Option<Draft>> {
    output::line(
        "Five questions, and the configuration is written. Enter takes what stands in brackets.",
    );
    let default = trials.key.is_some().then_some("the variable TTMT_API_KEY");
    let question = Question {
        text: "1/5 The API key of TTMT, such as ttmt_live_4f9c…",
        default,
        is_secret: true,
    };
    let base_url = base_url.as_deref();
    let key = |answer: &str| match answer {
        "" => Key::Variable,
        text => Key::Text(text.to_owned()),
    };
    let check = async |answer: &str| trials.try_out(&draft::source(&key(answer), base_url)).await;
    let Some(answer) = ask.until_right(&question, check).await? else {
        return Ok(None);
    };
    let key = key(&answer);
    let question = Question {
        text: "2/5 Which alerts? 1 take-profits, 2 stop-losses, 3 both, 4 whatever happens to a trade, 5 everything",
        default: Some("1"),
        is_secret: false,
    };
    let Some(alerts) = ask.one_of(&question, &Alerts::ALL).await? else {
        return Ok(None);
    };
    let question = Question {
        text: "3/5 Where to? 1 ntfy, 2 Discord, 3 Slack, 4 Telegram, 5 a webhook",
        default: Some("1"),
        is_secret: false,
    };
    let Some(kind) = ask.one_of(&question, &Kind::ALL).await? else {
        return Ok(None);
    };
    let Some(place) = place(ask, trials, kind).await? else {
        return Ok(None);
    };
    let zone = hours::own_zone();
    let text = format!(
        "5/5 Quiet hours, in which nothing makes a sound, such as 22:00-07:00 or 22:00-07:00 Europe/Berlin (without a zone: {zone})"
    );
    let question = Question {
        text: &text,
        default: Some("none"),
        is_secret: false,
    };
    let check = async |answer: &str| match hours::read(answer, &zone) {
        Ok(Some(_)) if kind == Kind::Slack => Checked::Wrong(
            "Slack has no silent messages; say `none`, and set quiet hours in Slack itself"
                .to_owned(),
        ),
        Ok(Some(_)) if kind == Kind::Webhook => Checked::Wrong(
            "a webhook makes no sound by itself; say `none`, and have its receiver keep quiet"
                .to_owned(),
        ),
        Ok(_) => Checked::Right(Vec::new()),
        Err(why) => Checked::Wrong(why),
    };
    let Some(answer) = ask.until_right(&question, check).await? else {
        return Ok(None);
    };
    Ok(Some(Draft {
        key,
        base_url: base_url.map(str::to_owned),
        alerts,
        place,
        hours: hours::read(&answer, &zone).unwrap_or_default(),
    }))
}

/// The fourth question, which depends on the third.
async fn place(ask: &mut Ask, trials: &Trials<'_>, kind: Kind) -> anyhow::Result<Option<Place>> {
    let topic = draft::unguessable_topic();
    let secret = draft::signing_secret();
    let (text, default, is_secret) = match kind {
        Kind::Ntfy => (
            "4/5 The topic, which whoever knows it can read, such as one that nobody guesses; on a server of your own https://ntfy.example.org/topic",
            Some(topic.as_str()),
            false,
        ),
        Kind::Discord => (
            "4/5 The address of the channel's webhook, such as https://discord.com/api/webhooks/1234/abcd…",
            None,
            true,
        ),
        Kind::Slack => (
            "4/5 The address of the incoming webhook, such as https://hooks.slack.com/services/T…/B…/…",
            None,
            true,
        ),
        Kind::Telegram => (
            "4/5 The bot's token from BotFather and the chat, such as 123456:ABC… -1001234567890",
            None,
            true,
        ),
        Kind::Webhook => (
            "4/5 The receiver's address, such as http://homeassistant.local:8123/api/webhook/tp",
            None,
            false,
        ),
    };
    let question = Question {
        text,
        default,
        is_secret,
    };
    let of = |answer: &str| Place::read(kind, answer, &topic, &secret);
    let check = async |answer: &str| match of(answer) {
        Ok(place) => trials.try_out(&draft::sink(&place)).await,
        Err(why) => Checked::Wrong(why.to_owned()),
    };
    let answer = ask.until_right(&question, check).await?;
    Ok(answer.and_then(|answer| of(&answer).ok()))
}

/// Writes a file that was not there, for its owner alone. What cannot be written whole is taken away.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    let written = opened
        .write_all(text.as_bytes())
        .and_then(|()| opened.sync_all());
    if written.is_err() {
        // The reason that is told is why it could not be written.
        drop(fs::remove_file(file));
    }
    written
}
