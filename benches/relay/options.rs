//! What was asked for, on the command line of the bench and on those of its roles.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::str::FromStr;

use super::scenarios::{self, Scenario};

/// What is measured, and how often.
pub(crate) struct Bench {
    names: Vec<String>,
    /// How often each measurement is taken.
    pub(crate) rounds: usize,
    /// So many deliveries wait in the scenario that has them wait.
    pub(crate) waiting: u64,
    /// How long events come at a steady pace, in seconds.
    pub(crate) seconds: u64,
    /// How long the soak takes.
    pub(crate) minutes: u64,
    /// Where the queues lie.
    pub(crate) folder: PathBuf,
    /// The address of a PostgreSQL server on this machine, for what has its queue there.
    pub(crate) server: Option<String>,
}

impl Bench {
    /// Reads the command line.
    pub(crate) fn read(arguments: Vec<String>) -> Result<Self, String> {
        let mut bench = Self {
            names: Vec::new(),
            rounds: 5,
            waiting: 100_000,
            seconds: 20,
            minutes: 30,
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
            server: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let number = arguments.next().and_then(|text| text.parse::<u64>().ok());
                let number = number.filter(|number| *number > 0);
                number.ok_or_else(|| format!("`{argument}` takes a number"))
            };
            match argument.as_str() {
                "--rounds" => bench.rounds = usize::try_from(number()?).unwrap_or(usize::MAX),
                "--seconds" => bench.seconds = number()?,
                "--minutes" => bench.minutes = number()?,
                "--waiting" => bench.waiting = number()?,
                "--large" => bench.waiting = 1_000_000,
                "--folder" => {
                    let folder = arguments.next().ok_or("`--folder` takes a path")?;
                    bench.folder = PathBuf::from(folder);
                }
                "--server" => {
                    let server = arguments.next().ok_or("`--server` takes an address")?;
                    bench.server = Some(server);
                }
                name if scenarios::ALL.iter().any(|known| known.name == name) => {
                    bench.names.push(argument);
                }
                _ => return Err(format!("`{argument}` is nothing to measure\n{}", usage())),
            }
        }
        Ok(bench)
    }

    /// Whether a scenario was asked for; where none is named all are, but those that take long.
    pub(crate) fn wants(&self, scenario: &Scenario) -> bool {
        match self.names.is_empty() {
            true => !scenario.is_long,
            false => self.names.iter().any(|wanted| wanted == scenario.name),
        }
    }
}

fn usage() -> String {
    let scenarios = scenarios::ALL.iter();
    let list: Vec<String> = scenarios
        .map(|scenario| format!("  {:12} {}", scenario.name, scenario.what))
        .collect();
    format!(
        "cargo bench --bench relay -- [SCENARIO …] [--rounds N] [--seconds N] [--minutes N] [--waiting N | --large] [--folder PATH] [--server URL]\n{}",
        list.join("\n")
    )
}

/// The command line of a role: `name=value`, a name perhaps several times.
pub(crate) struct Options(BTreeMap<String, Vec<String>>);

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Self {
        let mut options: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for argument in arguments {
            let (name, value) = argument.split_once('=').expect("`name=value`");
            options
                .entry(name.to_owned())
                .or_default()
                .push(value.to_owned());
        }
        Self(options)
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// The one value of a name.
    pub(crate) fn one<T: FromStr<Err: Debug>>(&self, name: &str) -> T {
        let values = self.all(name);
        let value = values
            .first()
            .unwrap_or_else(|| panic!("no `{name}` is given"));
        value.parse().expect("a value that can be read")
    }
}
