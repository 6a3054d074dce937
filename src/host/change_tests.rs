//! Changes and their undo in real shells; systemd is made of two small scripts.

use std::fs::read_link;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::change::{Activation, FileDate, Mode, NOT_ACTIVATED, UNDONE, confirm, undo_now};
use super::frame::Command;
use super::real_shell::{Machine, shells};

const CONF: &str = "/etc/x/a b.conf";
const NEW: &str = "/etc/x/new.conf";
const GONE: &str = "/etc/x/gone.conf";
const LINK: &str = "/etc/x/program";
const UNDO: &str = "/var/lib/quorate/undo/x.service";
const DUE: &str = "/run/quorate/restart/x.service";
const RELOADED: &str = "/run/quorate/reloaded/x.service";

/// A host with a file, a link and a file that is to go, two staged files, all an hour old.
fn machine(shell: &'static str) -> Machine {
    let machine = Machine::new(shell);
    machine.write(CONF, "old");
    machine.write(GONE, "gone");
    symlink("v1", machine.path(LINK)).unwrap();
    stage(&machine, "new");
    for path in [CONF, GONE] {
        let old = SystemTime::now() - Duration::from_secs(3600);
        std::fs::File::options().append(true).open(machine.path(path)).unwrap().set_modified(old).unwrap();
    }
    machine
}

fn stage(machine: &Machine, text: &str) {
    machine.write("/etc/x/.quorate-new-a b.conf~", text);
    machine.write("/etc/x/.quorate-new-new.conf~", text);
}

fn change(mode: Mode) -> Activation {
    Activation {
        unit: "x.service".to_owned(),
        mode,
        paths: vec![(CONF.to_owned(), FileDate::Now), (NEW.to_owned(), FileDate::Now)],
        links: vec![(LINK.to_owned(), "v2".to_owned())],
        remove: vec![GONE.to_owned()],
        undo_after: Duration::from_secs(60),
        run: "f00d".to_owned(),
        ..Activation::default()
    }
}

fn run(machine: &Machine, command: &Command) -> i32 {
    let output = machine.run(command);
    if output.code != 0 {
        // Shown when a test fails.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), &output.stderr);
    }
    output.code
}

/// Content of the two files, the one to go, the link.
fn live(machine: &Machine) -> (Option<String>, Option<String>, Option<String>, String) {
    let link = read_link(machine.path(LINK)).unwrap().to_str().unwrap().to_owned();
    (machine.read(CONF), machine.read(NEW), machine.read(GONE), link)
}

fn before() -> (Option<String>, Option<String>, Option<String>, String) {
    (Some("old".to_owned()), None, Some("gone".to_owned()), "v1".to_owned())
}

fn after() -> (Option<String>, Option<String>, Option<String>, String) {
    (Some("new".to_owned()), Some("new".to_owned()), None, "v2".to_owned())
}

fn dated(machine: &Machine, path: &str) -> Option<SystemTime> {
    std::fs::metadata(machine.path(path)).ok()?.modified().ok()
}

#[test]
fn a_change_goes_live_behind_a_timer_and_can_be_undone_or_settled() {
    for shell in shells() {
        for mode in [Mode::None, Mode::Reload, Mode::Restart] {
            let machine = machine(shell);
            let old = dated(&machine, CONF);
            assert_eq!(run(&machine, &change(mode).command()), 0, "{shell} {mode:?}");
            assert_eq!(live(&machine), after());
            let calls = machine.calls();
            let timer = "--unit=quorate-undo-x ";
            let verb = format!("systemctl {} x.service", if mode == Mode::Reload { "reload" } else { "restart" });
            let armed = calls.find(timer).unwrap();
            assert!(calls.contains("--on-active=60"), "{calls}");
            assert_eq!(calls.find(&verb).is_some_and(|at| at > armed), mode != Mode::None, "{calls}");
            assert_eq!(dated(&machine, RELOADED).is_some(), mode == Mode::Reload);
            assert_eq!(dated(&machine, DUE), None, "a restart that was made is not due");

            assert_eq!(run(&machine, &undo_now("x.service")), 0);
            assert_eq!(live(&machine), before(), "{shell} {mode:?}");
            let calls = machine.calls();
            assert_eq!(calls.contains(&verb), mode != Mode::None, "{calls}");
            assert!(calls.contains("stop quorate-undo-x.timer"), "{calls}");
            // What was loaded anew is newer than before, but no newer than the load.
            assert_eq!(dated(&machine, CONF) == old, mode == Mode::None, "{mode:?}");
            if mode == Mode::Reload {
                assert!(dated(&machine, RELOADED) >= dated(&machine, CONF));
            }
            assert!(dated(&machine, DUE).is_none() && !machine.path(UNDO).exists());
            assert_eq!((run(&machine, &undo_now("x.service")), machine.calls()), (0, String::new()), "twice");
            assert_eq!(run(&machine, &confirm("x.service")), UNDONE);

            stage(&machine, "new");
            assert_eq!(run(&machine, &change(mode).command()), 0);
            assert_eq!((run(&machine, &confirm("x.service")), run(&machine, &confirm("x.service"))), (0, 0));
            assert_eq!((run(&machine, &undo_now("x.service")), live(&machine)), (0, after()), "settled is settled");
        }
    }
}

#[test]
fn an_undo_restarts_only_what_can_have_read_the_change() {
    let machine = machine("/bin/sh");
    machine.write(DUE, "");
    let (old, due) = (dated(&machine, CONF), dated(&machine, DUE));
    let hook = Activation { before: "exit 7".to_owned(), ..change(Mode::Restart) };
    assert_eq!(run(&machine, &hook.command()), 7);
    assert_eq!(live(&machine), after());
    assert!(dated(&machine, DUE) > due, "a restart is due from the first file on");
    assert_eq!(run(&machine, &undo_now("x.service")), 0);
    assert!(!machine.calls().contains("restart x.service"));
    assert_eq!((live(&machine), dated(&machine, CONF), dated(&machine, DUE)), (before(), old, due));
}

#[test]
fn a_refused_reload_or_restart_leaves_it_due_and_an_undo_that_fails_can_be_tried_again() {
    for (mode, verb) in [(Mode::Reload, "reload"), (Mode::Restart, "restart")] {
        let machine = machine("/bin/sh");
        machine.write("/var/lib/quorate/journal", "{\"event\":\"begin\"}\ntorn");
        assert_eq!(run(&machine, &change(mode).command()), 0);
        machine.write("refuse", verb);
        assert_eq!(run(&machine, &undo_now("x.service")), 1);
        assert_eq!(live(&machine), before(), "files go back whatever the unit does");
        let since = dated(&machine, CONF);
        match mode {
            Mode::Reload => assert!(dated(&machine, RELOADED) < since, "the reload is due"),
            _ => assert!(dated(&machine, DUE).is_some(), "the restart is due"),
        }
        machine.write("refuse", "");
        assert_eq!((run(&machine, &undo_now("x.service")), live(&machine)), (0, before()));
        assert!(dated(&machine, DUE).is_none() && !machine.path(UNDO).exists());
        let journal = machine.read("/var/lib/quorate/journal").unwrap();
        let events: Vec<serde_json::Value> =
            journal.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(events.len(), 3, "{journal}");
        assert_eq!((&events[1]["ok"], &events[2]["ok"]), (&false.into(), &true.into()), "{journal}");
        assert_eq!((&events[2]["event"], &events[2]["run"]), (&"undone".into(), &"f00d".into()));
    }
}

#[test]
fn an_unfinished_runs_former_files_stay_the_ones_that_come_back() {
    let machine = machine("/bin/sh");
    assert_eq!(run(&machine, &change(Mode::Restart).command()), 0);
    machine.calls();
    stage(&machine, "newer");
    assert_eq!(run(&machine, &change(Mode::Reload).command()), 0);
    let calls = machine.calls();
    let stopped = calls.find("stop quorate-undo-x.timer").unwrap();
    assert!(calls.find("systemd-run").is_some_and(|armed| armed > stopped), "{calls}");
    assert_eq!(machine.read(CONF).as_deref(), Some("newer"));
    assert_eq!((run(&machine, &undo_now("x.service")), live(&machine)), (0, before()));
    assert!(machine.calls().contains("systemctl restart x.service"), "the stronger of both");
}

#[test]
fn nothing_is_live_without_a_timer_and_nothing_is_half_staged() {
    let machine = machine("/bin/sh");
    machine.write("refuse", "systemd-run");
    assert_eq!(run(&machine, &change(Mode::Reload).command()), NOT_ACTIVATED);
    assert_eq!(live(&machine), before());
    machine.write("refuse", "");
    std::fs::remove_file(machine.path("/etc/x/.quorate-new-new.conf~")).unwrap();
    assert_eq!(run(&machine, &change(Mode::Reload).command()), 1);
    assert_eq!((run(&machine, &undo_now("x.service")), live(&machine)), (0, before()));
    let odd = Activation { unit: "x;reboot.service".to_owned(), ..change(Mode::None) };
    assert_eq!(run(&machine, &odd.command()), NOT_ACTIVATED);
}

#[test]
fn a_kept_date_lets_nothing_become_due() {
    let machine = machine("/bin/sh");
    let old = dated(&machine, CONF);
    let kept = Activation { paths: vec![(CONF.to_owned(), FileDate::Kept)], ..change(Mode::Reload) };
    assert_eq!(run(&machine, &kept.command()), 0);
    assert_eq!((machine.read(CONF).as_deref(), dated(&machine, CONF)), (Some("new"), old));
    assert_eq!((run(&machine, &undo_now("x.service")), dated(&machine, CONF)), (0, old));
    assert_eq!(live(&machine), before());
}

#[test]
fn a_unit_that_is_new_is_stopped_and_forgotten_again() {
    let machine = machine("/bin/sh");
    machine.write("active", "inactive\n");
    machine.write("enabled", "disabled\n");
    let start = Activation { daemon_reload: true, ..change(Mode::Start) };
    assert_eq!(run(&machine, &start.command()), 0);
    assert_eq!(
        (machine.read("active").unwrap(), machine.read("enabled").unwrap()),
        ("active\n".into(), "enabled\n".into())
    );
    machine.calls();
    assert_eq!((run(&machine, &undo_now("x.service")), live(&machine)), (0, before()));
    assert_eq!(
        (machine.read("active").unwrap(), machine.read("enabled").unwrap()),
        ("inactive\n".into(), "disabled\n".into())
    );
    assert!(machine.calls().contains("daemon-reload"));
}

#[test]
fn two_undos_at_once_are_one() {
    let machine = machine("/bin/sh");
    assert_eq!(run(&machine, &change(Mode::Restart).command()), 0);
    machine.calls();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(run(&machine, &undo_now("x.service")), 0));
        }
    });
    assert_eq!((live(&machine), machine.calls().matches("restart x.service").count()), (before(), 1));
}

/// Kills the shell that reads it, and the script's own if that is another, before its command of that number; bash alone can.
fn killed_before(number: usize) -> String {
    let kill = format!("[ $((n += 1)) != {number} ] || kill -9 \"$main\" \"$BASHPID\"");
    format!("main=$BASHPID n=0\nset -T\ntrap '{kill}' DEBUG\n")
}

#[test]
fn killed_at_any_step_a_change_can_be_undone_and_made_again() {
    let Some(bash) = shells().find(|shell| shell.ends_with("bash")) else { return };
    let machine = machine(bash);
    // Fewer things, so fewer steps: a file and a link are both kinds of what is kept.
    let few =
        || Activation { paths: vec![(CONF.to_owned(), FileDate::Now)], remove: Vec::new(), ..change(Mode::Restart) };
    for number in 1.. {
        let mut command = few().command();
        command.script = format!("{}{}", killed_before(number), command.script);
        let code = machine.run(&command).code;
        if number % 3 == 0 && code != 0 {
            // The next run does not know that the last one died.
            stage(&machine, "newer");
            assert_eq!(run(&machine, &few().command()), 0, "killed before {number}");
            assert_eq!(machine.read(CONF).as_deref(), Some("newer"), "killed before {number}");
        }
        assert_eq!(run(&machine, &undo_now("x.service")), 0, "killed before {number}");
        assert_eq!(live(&machine), before(), "killed before {number}");
        assert!(dated(&machine, DUE).is_none(), "killed before {number}: a restart is due");
        stage(&machine, "new");
        if code == 0 {
            assert!(number > 60, "only {number} steps");
            break;
        }
        assert_eq!(code, 137, "step {number}");
    }
}

#[test]
fn killed_at_any_step_an_undo_is_finished_by_the_next() {
    let Some(bash) = shells().find(|shell| shell.ends_with("bash")) else { return };
    let machine = machine(bash);
    // One file that was there and one that was not.
    let change = Activation { links: Vec::new(), remove: Vec::new(), ..change(Mode::Restart) };
    for number in 1.. {
        assert_eq!(run(&machine, &change.command()), 0, "killed before {}", number - 1);
        machine.write("trap", &killed_before(number));
        let trap = machine.path("trap").to_str().unwrap().to_owned();
        let script = "BASH_ENV=$1 bash /var/lib/quorate/undo/x.service/undo.sh";
        let code = machine.run(&Command::new("test", script).arg(trap)).code;
        assert_eq!(run(&machine, &undo_now("x.service")), 0);
        assert_eq!(live(&machine), before(), "killed before {number}");
        assert!(dated(&machine, DUE).is_none() && !machine.path(UNDO).exists(), "killed before {number}");
        stage(&machine, "new");
        if code == 0 {
            assert!(number > 50, "only {number} steps");
            break;
        }
        assert_eq!(code, 137, "step {number}");
    }
}
