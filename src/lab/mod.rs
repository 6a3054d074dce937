//! The lab: several real hosts on this one machine, to try quorate on and to test it with.
//!
//! A host is a booted system container (its own systemd, sshd, network namespace and cgroup) over a shared base image.
//! All hosts of a lab hang on a bridge inside the lab's own network namespace, so that labs may use the same addresses,
//! and nothing can leave for those addresses when a lab is down. [`up`](fn@up) makes a lab or repairs it, [`down`](fn@down)
//! removes all of it; both may be interrupted anywhere and run again. Nothing here prints: progress is [`Event`].

mod archive;
mod cache;
mod cgroup;
mod down;
mod el;
mod error;
mod event;
mod files;
mod guest;
mod image;
mod inventory;
mod lock;
mod machine;
mod network;
mod process;
mod program;
mod ps;
mod relay;
mod repository;
mod server;
mod spec;
mod ssh;
mod supervise;
mod up;
mod wait;

pub use down::down;
pub use error::Error;
pub use event::Event;
pub use ps::{HostState, HostStatus, ps};
pub use relay::relay;
pub use server::serve;
pub use spec::{Lab, LabName, LabNode, Like, Suite};
pub use ssh::ssh;
pub use supervise::supervise;
pub use up::{NewSecrets, UpRequest, up};
