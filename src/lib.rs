//! quorate: one inventory file to a running, proven, highly available PostgreSQL cluster.
//!
//! The way through the house:
//!
//! ```text
//! inventory text ─▶ Cluster ─▶ Desired (files, packages, builds, services per node; DCS settings) ─┐
//! hosts ─▶ one round trip each ─▶ Observed ────────────────────────────────────────────────────────┴▶ Plan ─▶ apply ─▶ events ─▶ report
//!                                     └─▶ verify ─▶ findings ─▶ report
//! ```
//!
//! Who may import whom is a table in `ARCHITECTURE.md`; `tests/rooms.rs` holds the code against it.

pub mod apply;
pub mod artifact;
pub mod cluster;
pub mod component;
pub mod host;
pub mod inventory;
pub mod lab;
pub mod plan;
pub mod platform;
pub mod report;
pub mod verify;
