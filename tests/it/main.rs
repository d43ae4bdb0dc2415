//! Black-box tests: the real program, real files, real sockets on loopback.

mod configuration;
mod crash;
mod deliver;
mod example;
mod feed;
mod harness;
mod hostile;
mod limits;
mod missed;
mod obligations;
mod online;
mod order;
mod outage;
mod pace;
mod pages;
mod reload;
mod retry;
mod secrets;
mod shutdown;
mod source;
mod tidy;
