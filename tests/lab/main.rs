//! The lab suite: the real binary against three real systemd hosts. Needs root; run by `make test`, one test at a time.
//!
//! Each file is one lab of its own name, so that what one leaves behind can't help another.

#![allow(
    clippy::expect_used,
    clippy::format_collect,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test ends by panicking, and says on standard error what takes long"
)]

mod bundle;
mod change;
mod destroy;
mod faults;
mod harness;
mod host;
mod install;
mod packages;
mod rhel;
mod variants;
