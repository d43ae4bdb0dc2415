//! Questions and their answers: on a terminal, or as lines of standard input.
//!
//! A file of its own because the rules are the same for every question: an empty answer is the default, a
//! wrong one is asked for again, one that only failed can be kept, and there is an end to it.

use std::io::{BufRead, IsTerminal, Read};

use console::Term;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::{output, table};

/// Longest answer, in bytes. An address with a token in it is far shorter.
const ANSWER_BYTES_MAX: u64 = 4096;

/// The exit status of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// Most answers to one question.
const TRIES_MAX: usize = 20;

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) text: &'a str,
    /// What an empty answer means.
    pub(super) default: Option<&'a str>,
    /// It is not shown as it is typed.
    pub(super) is_secret: bool,
}

/// What became of an answer.
pub(super) enum Checked {
    /// It is right; what there is to say about it.
    Right(Vec<String>),
    /// It may be right: what was tried has failed.
    Failed(Vec<String>),
    /// It can be no answer.
    Wrong(String),
}

/// Who answers.
pub(super) struct Ask {
    is_terminal: bool,
    /// The terminal as it was found: it shows nothing while a secret is typed.
    found: Option<Termios>,
    stop: CancellationToken,
}

impl Ask {
    /// Asks until it is told to stop.
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self {
            is_terminal: std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
            found: tcgetattr(std::io::stdin()).ok(),
            stop,
        }
    }

    /// Asks until an answer is right, or is kept. `None` when there are no more answers.
    pub(super) async fn until_right(
        &mut self,
        question: &Question<'_>,
        check: impl AsyncFn(&str) -> Checked,
    ) -> anyhow::Result<Option<String>> {
        let mut doubtful: Option<String> = None;
        output::line(&format!("\n{}", question.text));
        for _ in 0..TRIES_MAX {
            let brackets = match (&doubtful, question.default) {
                (Some(_), _) => "[keep it] ".to_owned(),
                (None, Some(default)) => format!("[{default}] "),
                (None, None) => String::new(),
            };
            output::text(&format!("{brackets}> "));
            let Some(answer) = self.line(question.is_secret).await? else {
                return Ok(None);
            };
            if answer.is_empty() {
                if doubtful.is_some() {
                    return Ok(doubtful);
                }
                if question.default.is_none() {
                    output::line("There is no default: an answer is needed.");
                    continue;
                }
            }
            match check(&answer).await {
                Checked::Right(lines) => {
                    tell(&lines);
                    return Ok(Some(answer));
                }
                Checked::Failed(lines) => {
                    tell(&lines);
                    output::line("Enter keeps it all the same; or give another.");
                    doubtful = Some(answer);
                }
                Checked::Wrong(why) => {
                    output::line(&format!("That is no answer: {}.", table::printable(&why)))
                }
            }
        }
        anyhow::bail!("{TRIES_MAX} answers to one question are too many; nothing was written")
    }

    /// Asks for one of several, by its number or its name.
    pub(super) async fn one_of<T: Copy>(
        &mut self,
        question: &Question<'_>,
        all: &[(&'static str, T)],
    ) -> anyhow::Result<Option<T>> {
        let find = |answer: &str| {
            let answer = if answer.is_empty() {
                question.default.unwrap_or_default()
            } else {
                answer
            };
            let named = all.iter().enumerate().find(|(index, (name, _))| {
                answer.eq_ignore_ascii_case(name) || answer == (index + 1).to_string()
            });
            named.map(|(_, (_, one))| *one)
        };
        let check = async |answer: &str| match find(answer) {
            Some(_) => Checked::Right(Vec::new()),
            None => Checked::Wrong(format!("give a number from 1 to {}", all.len())),
        };
        let answer = self.until_right(question, check).await?;
        Ok(answer.and_then(|answer| find(&answer)))
    }

    /// One line, without blanks around it. Who types it may also end it all.
    async fn line(&self, is_secret: bool) -> anyhow::Result<Option<String>> {
        let is_terminal = self.is_terminal;
        let mut reading = JoinSet::new();
        reading.spawn_blocking(move || read_line(is_terminal, is_secret));
        tokio::select! {
            Some(line) = reading.join_next() => line?,
            () = self.stop.cancelled() => self.end(),
        }
    }

    /// Ends the process, since nothing else ends the wait for a line, with the terminal as it was found.
    fn end(&self) -> ! {
        if let Some(found) = &self.found {
            // Where it cannot be set, there is no terminal any more.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, found);
        }
        output::complain("\nbellwire: interrupted; nothing was written");
        std::process::exit(INTERRUPTED);
    }
}

fn read_line(is_terminal: bool, is_secret: bool) -> anyhow::Result<Option<String>> {
    if is_terminal && is_secret {
        return Ok(Some(Term::stdout().read_secure_line()?.trim().to_owned()));
    }
    let mut line = Vec::new();
    std::io::stdin()
        .lock()
        .take(ANSWER_BYTES_MAX + 1)
        .read_until(b'\n', &mut line)?;
    if !is_terminal {
        // Nobody has typed the line end that belongs behind the question.
        output::line("");
    }
    if line.is_empty() {
        return Ok(None);
    }
    anyhow::ensure!(
        line.len() as u64 <= ANSWER_BYTES_MAX,
        "an answer has more than {ANSWER_BYTES_MAX} bytes; nothing was written"
    );
    let line = String::from_utf8(line);
    Ok(Some(
        line.map_err(|_| anyhow::anyhow!("an answer is no text; nothing was written"))?
            .trim()
            .to_owned(),
    ))
}

fn tell(lines: &[String]) {
    for line in lines {
        output::line(line);
    }
}
