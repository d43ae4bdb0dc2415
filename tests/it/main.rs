//! Black-box tests: the real program, real files, real sockets on loopback.

mod configuration;
mod crash;
mod damage;
mod deliver;
mod disk;
mod example;
mod feed;
mod harness;
mod hostile;
mod limits;
mod missed;
mod obligations;
mod pace;
mod pages;
mod power;
mod retry;
mod secrets;
mod shutdown;
mod source;
mod throttle;
mod tidy;
