//! The table as docs/inventory.md.

use std::fmt::Write as _;

use super::{Field, INVENTORY, Kind};

/// The reference of all keys, in Markdown. The committed docs/inventory.md is held against it by a test.
pub fn reference() -> String {
    let mut out = String::from(
        "# The inventory, key by key

Generated from the table in `src/inventory/schema/fields.rs`; change it there and run `UPDATE=1 cargo test --test inventory`.

The smallest inventory names the cluster, its nodes and the VIP:

```yaml
cluster: pg-prod
nodes:
  - {name: db01, address: 192.168.13.45}
  - {name: db02, address: 192.168.13.46}
  - {name: db03, address: 192.168.13.47}
vip: 192.168.13.48
```

Relative paths start at the inventory's folder. Switches are `on` or `off` (`yes`, `no`, `true` and `false` do too).
Sizes: `512kB`, `16MB`, `2GB` (1024 each) or plain bytes. Durations: `30s`, `15min`, `8h`, `1d` or plain seconds.
Anchors, aliases, tags and templates are not read. Unknown keys are errors.

",
    );
    // Writing to a String can't fail.
    let _ = writeln!(out, "## The top level\n");
    table(&mut out, INVENTORY);
    for field in INVENTORY {
        groups(&mut out, field, field.key);
    }
    out
}

/// A table for every group below a key.
fn groups(out: &mut String, field: &Field, path: &str) {
    let (fields, path) = match field.kind {
        Kind::Section(fields) | Kind::Short(_, fields) => (fields, path.to_owned()),
        Kind::List(Kind::Section(fields) | Kind::Short(_, fields)) => (*fields, format!("{path}[]")),
        _ => return,
    };
    let _ = writeln!(out, "## `{path}`\n\n{}\n", field.doc);
    table(out, fields);
    for field in fields {
        groups(out, field, &format!("{path}.{}", field.key));
    }
}

fn table(out: &mut String, fields: &[Field]) {
    out.push_str("| Key | Takes | Default | Example | What it is |\n|---|---|---|---|---|\n");
    for field in fields {
        let default = match field.default {
            _ if field.required => "**required**".to_owned(),
            "" => String::new(),
            text if text.starts_with('(') => text.trim_matches(['(', ')']).to_owned(),
            text => format!("`{text}`"),
        };
        let example = if field.example.is_empty() { String::new() } else { format!("`{}`", field.example) };
        let _ = writeln!(out, "| `{}` | {} | {default} | {example} | {} |", field.key, takes(&field.kind), field.doc);
    }
    out.push('\n');
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Integer(min, max) if min == max => min.to_string(),
        Kind::Integer(min, max) | Kind::Seconds(min, max) | Kind::Bytes(min, max) => {
            format!("{}, {} to {}", kind.what(), kind.number(*min), kind.number(*max))
        }
        Kind::Choice(choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
        Kind::List(item) => format!("a list of: {}", item.what()),
        kind => kind.what(),
    }
}
