//! Whether an answer holds: by the loader, and by who it is about.
//!
//! A file of its own because it is the part that connects. It reads a configuration of nothing but the
//! answer, so that whatever `run` would refuse is refused at its question.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::{check, progress::Progress};
use super::KEY_VARIABLE;
use super::ask::Checked;
use crate::app::{self, Plan};
use crate::config;

/// How answers are tried.
pub(super) struct Trials<'a> {
    pub(super) file: &'a Path,
    pub(super) is_offline: bool,
    /// The key in the environment.
    pub(super) key: Option<String>,
}

impl Trials<'_> {
    /// Tries the one source or sink of this configuration.
    pub(super) async fn try_out(&self, text: &str) -> Checked {
        // Other variables of the environment say nothing about this answer.
        let key = self
            .key
            .iter()
            .map(|key| (KEY_VARIABLE.to_owned(), key.clone()));
        let environment: BTreeMap<String, String> = key.collect();
        let loaded = config::load_text(self.file, text.to_owned(), environment);
        let problems = loaded.problems.clone();
        let Ok(plan) = Plan::make(loaded, false) else {
            let problem = problems.list().into_iter().next();
            return Checked::Wrong(problem.map_or_else(String::new, |problem| {
                let help = problem.help.map(|help| format!("; {help}"));
                format!("{}{}", problem.message, help.unwrap_or_default())
            }));
        };
        // What is missing around the answer is for the questions to come.
        let of_sources = plan.sources.iter().flat_map(|source| &source.warnings);
        let of_sinks = plan
            .sinks
            .iter()
            .flat_map(|sink| sink.translator.warnings());
        let warnings = of_sources.chain(of_sinks).cloned();
        let warnings = warnings.chain(problems.warnings());
        let warnings = warnings.map(|warning| format!("warning: {warning}"));
        let mut lines: Vec<String> = warnings.collect();
        if self.is_offline {
            return Checked::Right(lines);
        }
        let tried = {
            let _progress = Progress::uncounted("trying it", true);
            app::try_online(&plan).await
        };
        match tried {
            Ok(tried) => {
                lines.extend(check::told::lines(&tried));
                match tried.is_fine() {
                    true => Checked::Right(lines),
                    false => Checked::Failed(lines),
                }
            }
            Err(error) => {
                lines.push(format!("{error:#}"));
                Checked::Failed(lines)
            }
        }
    }
}
