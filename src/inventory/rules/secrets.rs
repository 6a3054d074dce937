//! Sources of secrets: exactly one each.

use super::Context;
use crate::cluster::SecretName;
use crate::inventory::access::{get, list};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::schema::{Data, Value};

pub(super) fn check(context: &mut Context<'_>) {
    let root = Some(context.root);
    let secrets = get(root, "secrets");
    let mut found = Vec::new();
    for name in SecretName::BUILT_IN {
        let path = format!("secrets.{}", name.key());
        source(get(secrets, &name.key()), &path, context, &mut found);
    }
    for (index, role) in list(get(root, "postgresql"), "roles").iter().enumerate() {
        source(get(Some(role), "password"), &format!("postgresql.roles[{index}].password"), context, &mut found);
    }
    source(get(get(root, "artifacts"), "proxy_login"), "artifacts.proxy_login", context, &mut found);
    for problem in found {
        context.report(problem);
    }
}

fn source(value: Option<&Value>, path: &str, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(Value { data: Data::Section(entries), span }) = value else { return };
    if !context.known(&[path]) {
        return;
    }
    if entries.len() != 1 {
        let what = if entries.is_empty() { "no source" } else { "several sources" };
        found.push(
            Diagnostic::new(Code::SECRET_SOURCE, *span, format!("`{path}` has {what}"))
                .why("a secret is read from one place")
                .help("write one of `file`, `env_file` and `command`, or delete the key to use the secrets file"),
        );
    }
    let Some(command) = get(value, "command") else { return };
    let words = list(value, "command");
    let program = words.first().map(|word| &word.data);
    let problem = match program {
        None => "is empty",
        Some(Data::Text(text)) if text.is_empty() || text.contains(' ') => {
            "is one text with blanks, and no shell takes it apart"
        }
        Some(Data::Text(text)) if text.starts_with('-') => "begins with an option, not with a program",
        _ => return,
    };
    found.push(
        Diagnostic::new(Code::SECRET_COMMAND, command.span, format!("the command of `{path}` {problem}"))
            .help("write the program and its arguments as a list: `command: [pass, show, pg/app]`"),
    );
}
