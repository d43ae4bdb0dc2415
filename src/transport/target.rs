//! The address of a request as the HTTP library wants it.
//!
//! A file of its own because reading an address is a good part of what a request costs, while nearly everything
//! that a client sends goes to the same one.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::Uri;
use url::Url;

/// The address of the last request, which is that of the next one as a rule. It is a credential, so it is not
/// printed.
#[derive(Default)]
pub(super) struct Target(Mutex<Option<Box<(Uri, Url)>>>);

impl Target {
    /// The same address, unless the library cannot read it.
    pub(super) fn read(&self, uri: &Uri) -> Option<Url> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.0 == *uri) {
            return Some(last.1.clone());
        }
        let url = Url::parse(&uri.to_string()).ok()?;
        *last = Some(Box::new((uri.clone(), url.clone())));
        Some(url)
    }
}

/// A clone is made for somebody whose requests go elsewhere.
impl Clone for Target {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_however_often_it_changes() {
        let target = Target::default();
        for text in [
            "http://one.example/hook?token=a",
            "http://one.example/hook?token=a",
            "http://one.example/hook?token=b",
            "http://one.example/hook",
            "http://two.example/hook",
            "https://two.example/hook",
            "https://two.example:8443/Hook",
            "https://two.example:8443/hook",
            "http://one.example/hook?token=a",
        ] {
            let read = target.read(&Uri::from_static(text));
            assert_eq!(read.as_ref().map(Url::as_str), Some(text));
        }
        assert_eq!(target.read(&Uri::from_static("/hook")), None);
        assert_eq!(format!("{target:?}"), "Target");
    }
}
