//! What the whole room promises, from the outside.
