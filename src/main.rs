//! The program `bellwire`.

fn main() {}
