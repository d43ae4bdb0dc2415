//! An option of a sink that a template writes anew for each delivery, beside title and message.
//!
//! A file of its own because what a template makes of an event is not always fit for its place, and what is
//! fit is one question for all kinds. It renders nothing: it is asked about what was rendered.

use std::collections::BTreeMap;
use std::fmt;

use super::cut::Unit;
use super::options;
use crate::config::Table;
use crate::expr::{Fault, Template};

/// What the templates of a sink's options made of an event, by the names of the slots.
pub type Filled = BTreeMap<String, String>;

/// What may stand in a slot, in the form in which it is sent; nothing where the option is to be left
/// out. Else what is wrong with it, in words that go behind "its result" and hold nothing of it.
pub(super) type Fit = fn(&str) -> Result<Option<String>, String>;

/// An option that a template writes. It prints as its name, since its text may hold a secret.
pub struct Slot {
    /// Its key, such as `click` or `actions[0].url`.
    pub name: String,
    /// What writes it.
    pub template: Template,
    pub(super) fit: Fit,
    /// Most bytes of a result in a JSON string.
    pub(super) bytes_max: usize,
    /// Whether its text may hold a secret.
    pub is_secret: bool,
    /// What stands on the button that is left out where nothing comes of it.
    pub button: Option<String>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.name).finish()
    }
}

impl Slot {
    /// What is sent of what the template made; nothing where the option is to be left out.
    ///
    /// # Errors
    /// Why nothing can be sent of it, in one line without a word of the event or of a secret.
    pub fn take(&self, rendered: Result<String, Fault>) -> Result<Option<String>, String> {
        let text = rendered.map_err(|fault| match self.is_secret {
            true => fault.without_source().to_owned(),
            false => fault.to_string(),
        })?;
        let fit = (self.fit)(&text).map_err(|wrong| format!("its result {wrong}"))?;
        let size = fit.as_deref().map_or(0, |text| Unit::JsonBytes.of(text));
        match size > self.bytes_max {
            true => Err(format!(
                "its result is longer than {} bytes",
                self.bytes_max
            )),
            false => Ok(fit),
        }
    }
}

/// Whether an option's text is a template and not what is to be sent.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Compiles the template of an option that may be shown; a mistake is reported at its key.
pub(super) fn open(
    options: &Table,
    key: &str,
    text: &str,
    bytes_max: usize,
    fit: Fit,
) -> Option<Slot> {
    Some(Slot {
        name: key.to_owned(),
        template: options::compiled(options, key, text, Template::compile)?,
        fit,
        bytes_max,
        is_secret: false,
        button: None,
    })
}
