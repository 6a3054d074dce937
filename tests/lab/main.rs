//! The lab suite: the real binary against three real systemd hosts. Needs root; run by `make test`, one test at a time.
//!
//! Each file is one lab of its own name, so that what one leaves behind can't help another.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test ends by panicking")]

mod faults;
mod harness;
mod install;
mod variants;
