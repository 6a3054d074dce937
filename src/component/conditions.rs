//! The names that a template's conditions ask for.
//!
//! The engine reports an unknown name where it is printed, but takes it for false in a condition: a misspelt switch would
//! silently leave its lines out. So they are read from the text and held against what the template is given.

use std::collections::BTreeSet;

/// Words of the template language itself.
const LANGUAGE: [&str; 10] = ["and", "or", "not", "in", "is", "true", "false", "True", "False", "none"];

/// The dotted names in the conditions of a template, but those that it defines itself by a loop or an assignment.
pub(super) fn asked_names(template: &str) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for tag in template.split("{%").skip(1) {
        let tag = tag.split("%}").next().unwrap_or_default().trim_matches('-').trim();
        let Some((keyword, rest)) = tag.split_once(char::is_whitespace) else { continue };
        match keyword {
            "if" | "elif" => asked.extend(names(rest)),
            "for" => {
                let variables = rest.split_once(" in ").map_or("", |(variables, _)| variables);
                own.extend(variables.split(',').map(|name| name.trim().to_owned()));
                own.insert("loop".to_owned());
            }
            "set" | "set_global" => {
                own.extend(rest.split_once('=').map(|(name, _)| name.trim().to_owned()));
            }
            _ => {}
        }
    }
    asked.retain(|name| !own.contains(name.split('.').next().unwrap_or_default()));
    asked
}

/// The dotted names in an expression; texts in quotes, tests (`is defined`) and filters (`| length`) are none.
fn names(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = expression.chars().peekable();
    let mut skip = false;
    while let Some(character) = chars.next() {
        match character {
            '"' | '\'' | '`' => while chars.next().is_some_and(|next| next != character) {},
            '|' => skip = true,
            first if first.is_ascii_alphabetic() || first == '_' => {
                let mut name = String::from(first);
                while let Some(next) = chars.next_if(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '.')) {
                    name.push(next);
                }
                let named_argument = chars.peek() == Some(&'=') && {
                    let mut after = chars.clone();
                    after.next();
                    after.peek() != Some(&'=')
                };
                if !skip && !named_argument && !LANGUAGE.contains(&name.as_str()) {
                    found.push(name.clone());
                }
                // What follows `is` or `is not` is a test's name.
                skip = name == "is" || (skip && name == "not");
            }
            first if first.is_ascii_digit() => {
                while chars.next_if(|next| next.is_ascii_alphanumeric() || *next == '.').is_some() {}
            }
            _ => {}
        }
    }
    found
}

/// Whether a template's context has the dotted name.
pub(super) fn has(context: &serde_json::Value, name: &str) -> bool {
    name.split('.').try_fold(context, |value, part| value.get(part)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_what_they_ask() {
        let text = "{%- if vip.adress and not packaged == \"x\" | length(a=1) %}{%- for s in servers %}{% if s.up %}\
                    {% elif n > 3 or port is defined %}{{ printed }}{% endif %}{% endfor %}{% endif %}";
        let asked: Vec<_> = asked_names(text).into_iter().collect();
        assert_eq!(asked, ["n", "packaged", "port", "vip.adress"]);
    }

    #[test]
    fn a_misspelt_name_is_not_there() {
        let context = serde_json::json!({"vip": {"address": "x"}, "packaged": false});
        assert!(has(&context, "vip.address") && has(&context, "packaged"));
        assert!(!has(&context, "vip.adress") && !has(&context, "pakaged"));
    }
}
