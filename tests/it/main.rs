//! Black-box tests: the real program, real files, real sockets on loopback.

mod tidy;
