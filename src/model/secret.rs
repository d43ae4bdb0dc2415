//! Text that must never be read by the wrong eyes: keys, tokens, signing secrets, and the addresses
//! that are credentials themselves.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use secrecy::{ExposeSecret, SecretString};

pub use secrecy::zeroize::{Zeroize, Zeroizing};

/// A secret text. It prints as dots, is wiped from memory when dropped, and has no `Display`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes ownership of a secret text.
    #[must_use]
    pub fn new(text: String) -> Self {
        // A copy of just its length, since cutting a text to it may move it and leave what it moved from.
        let text = Zeroizing::new(text);
        Self(SecretString::from(text.as_str()))
    }

    /// The text itself, for the one place that needs it on the wire.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Four hexadecimal digits that tell two secrets apart without telling either.
    #[must_use]
    pub fn short_hash(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.expose().hash(&mut hasher);
        format!("{:04x}", hasher.finish() & 0xffff)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use std::fmt::Display;
    use std::marker::PhantomData;

    use secrecy::zeroize::ZeroizeOnDrop;
    use serde::Serialize;

    use super::*;

    /// Whether a type can be shown. What the type has by itself goes before what the trait gives it.
    struct Shown<T>(PhantomData<T>);

    impl<T: Display> Shown<T> {
        const AS_TEXT: bool = true;
    }

    impl<T: Serialize> Shown<T> {
        const AS_JSON: bool = true;
    }

    trait Hidden {
        const AS_TEXT: bool = false;
        const AS_JSON: bool = false;
    }

    impl<T> Hidden for Shown<T> {}

    #[test]
    fn can_be_shown_in_no_way_and_is_wiped() {
        assert_eq!(
            [Shown::<String>::AS_TEXT, Shown::<String>::AS_JSON],
            [true; 2]
        );
        assert_eq!(
            [Shown::<Secret>::AS_TEXT, Shown::<Secret>::AS_JSON],
            [false; 2]
        );
        fn is_wiped_when_dropped(_: &impl ZeroizeOnDrop) {}
        is_wiped_when_dropped(&Secret::new("hunter2".to_owned()).0);
    }

    #[test]
    fn prints_as_dots_wherever_it_stands() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{:?}", Some(vec![secret.clone()])), "Some([…])");
        assert!(!secret.short_hash().contains("hunter2"));
    }
}
