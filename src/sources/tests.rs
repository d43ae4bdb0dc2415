//! Connections as a whole: what is asked for, what is yielded, and how each ends.

mod ends;
mod library;
mod options;
mod refusals;
mod request;
mod rest;
mod server;
mod wire;
