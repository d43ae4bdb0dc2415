//! Black-box tests: the real program, real files, real sockets on loopback.

mod configuration;
mod crash;
mod deliver;
mod example;
mod harness;
mod obligations;
mod pace;
mod retry;
mod secrets;
mod shutdown;
mod tidy;
