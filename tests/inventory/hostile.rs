//! Text that means harm: it is refused in less than a second, or passes byte by byte.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use quorate::cluster::ParameterValue;
use quorate::inventory;

const MINIMAL: &str = include_str!("../inventories/valid/minimal.yml");
const FULL: &str = include_str!("../inventories/valid/full.yml");

/// Parses within a second and renders what is wrong; `None` if it is valid.
fn refusal(text: &str) -> Option<String> {
    let once = || {
        let before = Instant::now();
        let rendered = inventory::parse(text, Path::new("inventory.yml")).err().map(|diagnostics| {
            assert!(diagnostics.count() > 0, "a refusal without a reason");
            diagnostics.render()
        });
        (before.elapsed(), rendered)
    };
    let (mut elapsed, rendered) = once();
    if elapsed >= Duration::from_secs(1) {
        // A busy machine may have held up the first time; a slow parser is slow again.
        elapsed = once().0;
    }
    let begin: String = text.chars().take(20).collect();
    assert!(elapsed < Duration::from_secs(1), "{begin:?} took {elapsed:?}");
    if let Some(text) = &rendered {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "control characters in\n{text}");
        assert!(text.len() < 4 << 20, "{} bytes of findings", text.len());
    }
    rendered
}

#[test]
fn a_missing_file_a_folder_and_an_endless_file_are_named() {
    for path in ["/nonexistent/inventory.yml", "/", "/dev/zero"] {
        let before = Instant::now();
        let error = inventory::load(Path::new(path)).expect_err("no inventory");
        assert!(before.elapsed() < Duration::from_secs(1));
        let code = error.findings().next().expect("a finding").code;
        let expected = if path == "/dev/zero" { "Q0102" } else { "Q0101" };
        assert_eq!(code.to_string(), expected, "{error}");
    }
}

#[test]
fn big_texts_are_refused_or_read_within_a_second() {
    let ten_megabytes = "a: b\n".repeat(2 << 20);
    assert!(refusal(&ten_megabytes).is_some_and(|text| text.contains("Q0102")));
    let megabyte = 1 << 20;
    let fill = |unit: &str| unit.repeat(megabyte / unit.len() - 200);
    let mut keys = String::new();
    for number in 0..80_000 {
        let _ = writeln!(keys, "k{number}: 1");
    }
    // As many values as are allowed, in the places where each of them is compared with others.
    let many = |item: fn(usize) -> String, count: usize| (0..count).map(item).collect::<String>();
    let parameters = many(|number| format!("    shared_bufers{number}x: 1\n"), 4900);
    let nodes =
        many(|number| format!("  - {{name: n{number}, address: 10.0.{}.{}}}\n", number / 250, number % 250), 1500);
    let order = many(|number| format!("n{}, ", number + 7), 1500);
    let texts = [
        many(|number| format!("durabilit{number}: 1\n"), 4900),
        format!("{MINIMAL}postgresql:\n  parameters:\n{parameters}"),
        format!("cluster: a\nnodes:\n{nodes}vip: 10.1.0.1\nkeepalived: {{order: [{order}]}}\n"),
        format!("{MINIMAL}postgresql:\n  hba:\n{}", "  - host a a 10.0.0.0/8 md5\n".repeat(9900)),
        fill("- "),
        fill("["),
        fill("{"),
        fill("? "),
        fill("a: "),
        fill("- a\n"),
        fill("a: b\n"),
        fill("&a "),
        fill("*a "),
        fill("!"),
        fill("\""),
        fill("'"),
        fill("|\n "),
        fill("#"),
        fill("\n"),
        fill("  "),
        fill("\t"),
        fill("\u{3000}"),
        fill("\u{202e}"),
        fill("key: [a, b\n"),
        fill("a,"),
        fill("--- \n"),
        fill("%"),
        fill("x"),
        fill("{{ x }} "),
        fill("password: hunter2\n"),
        keys,
        format!("{MINIMAL}postgresql: {{parameters: {{a: \"{}\"}}}}", fill("x")),
        format!("{MINIMAL}postgresql: {{hba: [{}]}}", fill("x, ")),
        format!("{MINIMAL}{}: 1", fill("x")),
    ];
    for text in texts {
        let begin: String = text.chars().take(20).collect();
        let refused = refusal(&text).is_some();
        assert!(refused || text.contains("parameters"), "{begin:?} was accepted");
    }
}

#[test]
fn free_text_passes_byte_by_byte() {
    let text = include_str!("../inventories/valid/free_text.yml");
    let cluster = inventory::parse(text, Path::new("inventory.yml")).unwrap_or_else(|error| panic!("{error}"));
    let value = |name: &str| {
        let (_, value) = cluster
            .postgresql
            .parameters
            .iter()
            .find(|(key, _)| key.as_str() == name)
            .unwrap_or_else(|| panic!("no {name}"));
        match value {
            ParameterValue::Text(text) => text.clone(),
            other => panic!("{name} is no text: {other:?}"),
        }
    };
    assert_eq!(value("application_name"), r#"it's "quoted" \ $(id) `id` {{ not }} ${HOME} %d # no comment"#);
    assert_eq!(value("search_path"), r#""$user", public"#);
    assert_eq!(value("restore_command"), r#"pgbackrest archive-get %f "%p""#);
    assert_eq!(value("log_file_mode"), "0600");
    assert_eq!(value("vacuum_cost_delay"), "1.50");
    assert_eq!(value("backtrace_functions"), "");
    assert_eq!(value("log_line_prefix"), "\t%m\u{3000}[%p] ");
}

/// Texts that a shell, ssh, a template, SQL or a path would obey.
const HOSTILE: &[&str] = &[
    "$(id)",
    "`id`",
    "; id",
    "-oProxyCommand=id",
    "--help",
    "../x",
    "/etc/passwd",
    "a b",
    "a'b",
    "a\"b",
    "a\\b",
    "{{ x }}",
    "{% x %}",
    "${x}",
    "%s",
    "*",
    "~",
    "a\u{3000}",
    "a\u{202e}b",
    "a\u{200b}",
    "é",
    "名",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\0b",
    "\u{feff}a",
    "#a",
    "a #b",
    "a: b",
    "[a]",
    "|",
    ">",
    "@a",
    "!a",
    "&a",
    "<",
    "a;DROP TABLE x",
];

#[test]
fn names_and_addresses_let_no_hostile_text_through() {
    let quoted = |text: &str| serde_json::to_string(text).expect("JSON");
    let places: [fn(&str) -> String; 10] = [
        |text| MINIMAL.replace("pg-prod", text),
        |text| MINIMAL.replace("db01", text),
        |text| MINIMAL.replace("192.168.13.45", text),
        |text| MINIMAL.replace("192.168.13.48", text),
        |text| MINIMAL.replace("192.168.13.45", &format!("192.168.13.45, ssh: {{host: {text}}}")),
        |text| format!("{MINIMAL}ssh: {{user: {text}}}\n"),
        |text| format!("{MINIMAL}etcd: {{data_dir: {text}}}\n"),
        |text| format!("{MINIMAL}patroni: {{namespace: {text}}}\n"),
        |text| format!("{MINIMAL}postgresql: {{roles: [{{name: {text}}}]}}\n"),
        |text| format!("{MINIMAL}postgresql: {{hba: [{text}]}}\n"),
    ];
    for hostile in HOSTILE {
        for (index, place) in places.iter().enumerate() {
            let text = place(&quoted(hostile));
            assert!(refusal(&text).is_some(), "{hostile:?} was accepted at place {index}:\n{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,400}") {
        refusal(&text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        refusal(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn yaml_like_text_never_panics(text in "([a-z_]{1,8}: ?|- |[\\[\\]{},'\"|>&*!%#@`\n \t~]|[0-9]{1,3}|on|nodes:|vip:|<<:){0,80}") {
        refusal(&text);
    }

    #[test]
    fn mutated_inventories_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, any::<char>(), 0_usize..40), 1..6),
    ) {
        let mut characters: Vec<char> = FULL.chars().collect();
        for (place, kind, c, length) in edits {
            let at = place.index(characters.len());
            let end = (at + length).min(characters.len());
            match kind {
                0 => characters.insert(at, c),
                1 => characters[at] = c,
                2 => drop(characters.drain(at..end)),
                _ => {
                    let copy: Vec<char> = characters[at..end].to_vec();
                    characters.splice(at..at, copy);
                }
            }
            prop_assume!(!characters.is_empty());
        }
        let text: String = characters.into_iter().collect();
        refusal(&text);
    }
}
