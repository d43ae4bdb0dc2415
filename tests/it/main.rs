//! Black-box tests: the real program, real files, real sockets on loopback.

mod configuration;
mod crash;
mod deliver;
mod harness;
mod limits;
mod retry;
mod secrets;
mod shutdown;
mod source;
mod tidy;
