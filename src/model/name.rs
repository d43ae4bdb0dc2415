//! Names of sources and sinks: short, cheap to clone, safe in a log line, a metric label and a path.

use std::fmt;
use std::sync::Arc;

/// The name of a source or of a sink, as it stands in the configuration.
///
/// One to 64 letters, digits, `_` and `-`. Cloning one copies a pointer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is no [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError;

impl Name {
    /// Most characters a name may have.
    pub const MAX_CHARS: usize = 64;

    /// Takes a text as a name.
    ///
    /// # Errors
    /// [`NameError`] when the text is empty, too long, or has another character than ASCII letters,
    /// digits, `_` and `-`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = !text.is_empty()
            && text.len() <= Self::MAX_CHARS
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if fits {
            Ok(Self(Arc::from(text)))
        } else {
            Err(NameError)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a name has 1 to {} letters, digits, `_` or `-`",
            Name::MAX_CHARS
        )
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_configuration_may_call_a_thing() {
        for text in ["ttmt", "phone_2", "team-eu", "A", &"x".repeat(64)] {
            assert_eq!(
                Name::new(text).map(|name| name.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn refuses_what_would_not_be_safe_in_a_label_or_a_path() {
        for text in ["", "a b", "../x", "ä", "a.b", "a\n", &"x".repeat(65)] {
            assert_eq!(Name::new(text), Err(NameError), "{text:?}");
        }
    }
}
