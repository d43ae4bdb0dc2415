//! Black-box tests: the real program, real files, real sockets on loopback.

mod crash;
mod deliver;
mod harness;
mod obligations;
mod pace;
mod retry;
mod shutdown;
mod tidy;
