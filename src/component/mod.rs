//! One file per system: what it renders, installs, builds, asks a host, and how it judges health. Pure.

mod desired;

pub use desired::{
    Account, Activation, Check, CheckStage, ComponentName, Content, Desired, DesiredNode, Directory, File, Program,
    Service,
};
