//! Archiving of WAL: on only together with a way to archive.

use super::Context;
use super::parameters::{Written, is_off, of_cluster};
use crate::cluster::ParameterValue;
use crate::inventory::diagnostic::{Code, Diagnostic};

pub(super) fn check(context: &mut Context<'_>) {
    if !context.known(&["postgresql.parameters"]) {
        return;
    }
    let parameters = of_cluster(context);
    let written = |name: &str| parameters.iter().find(|parameter| parameter.name == name);
    let filled = |name: &str| {
        written(name).filter(|parameter| !matches!(&parameter.value, ParameterValue::Text(text) if text.is_empty()))
    };
    let way: Vec<&Written> = ["archive_command", "archive_library"].iter().filter_map(|name| filled(name)).collect();
    if let Some(mode) = written("archive_mode").filter(|mode| !is_off(&mode.value) && way.is_empty()) {
        context.report(
            Diagnostic::new(Code::ARCHIVE, mode.span, "`archive_mode` is on, and nothing archives")
                .why("PostgreSQL keeps every WAL segment until it is archived: the disk fills and the database stops")
                .help("write `archive_command`, such as 'pgbackrest --stanza=main archive-push %p', or delete `archive_mode`"),
        );
    }
    if let [command, library] = way.as_slice() {
        context.report(
            Diagnostic::new(Code::ARCHIVE, library.span, "`archive_command` and `archive_library` are both set")
                .also(command.span, "the command")
                .why("PostgreSQL refuses to archive with both")
                .help("delete one of them"),
        );
    }
}
