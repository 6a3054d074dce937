//! Data folders: each daemon needs one of its own.

use super::Context;
use crate::inventory::diagnostic::Code;

pub(super) fn check(context: &mut Context<'_>) {
    let paths = ["postgresql.data_dir", "etcd.data_dir"];
    let Some(postgresql) = &context.cluster.postgresql.data_dir else { return };
    let etcd = &context.cluster.etcd.data_dir;
    if !context.known(&paths) || !(postgresql.starts_with(etcd) || etcd.starts_with(postgresql)) {
        return;
    }
    let problem = context
        .about(Code::PATH, &paths, "the data folders of etcd and PostgreSQL lie in each other".to_owned())
        .why("each daemon owns its folder, and initdb and a replica's copy want an empty one")
        .help("write two folders side by side, best on two disks");
    context.report(problem);
}
