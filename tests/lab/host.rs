//! The `host` room on real hosts: who has the lock and when it is free again, the fence, and a change that undoes itself.
//!
//! A small unit stands for what serves: it reads its file when it starts and when it is reloaded.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quorate::cluster::NodeName;
use quorate::host::{
    self, Activation, Candidate, FileDate, Fleet, Holder, HostError, Mode, UNDONE, confirm, generations, journal,
    undo_now,
};

use crate::harness::{Lab, Run, until};

/// Names the inventory to the process that holds the lock.
const HOLD: &str = "QUORATE_TEST_HOLD";

const UNIT: &str = "[Service]\nExecStart=/bin/sh -c 'cp /etc/served.conf /run/served; exec sleep infinity'\n\
                    ExecReload=/bin/cp /etc/served.conf /run/served\n[Install]\nWantedBy=multi-user.target\n";

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

async fn connect(inventory: &Path) -> Fleet {
    let cluster = quorate::inventory::load(inventory).expect("the lab's inventory");
    let (fleet, failures) = Fleet::connect(&cluster).await.expect("ssh runs");
    assert!(failures.is_empty(), "{failures:?}");
    fleet
}

fn holder(who: &str) -> Holder {
    Holder::new("f00d", who, "ws1", "2026-11-25T14:00:00Z", "apply").expect("random bytes")
}

async fn run(fleet: &Fleet, node: &str, command: host::Command) -> Result<host::Output, HostError> {
    fleet.host(&NodeName::new(node).expect("a name")).expect("it is connected").run(&command).await
}

/// The lock, or who has it; waits for nothing.
fn try_lock(inventory: &Path) -> Result<(), HostError> {
    wait_for(async {
        let cluster = quorate::inventory::load(inventory).expect("the lab's inventory");
        let (mut fleet, failures) = Fleet::connect(&cluster).await.expect("ssh runs");
        let locked = match failures.into_values().next() {
            // It is asked many times a second here; sshd may find that too often.
            Some(failure) => Err(failure),
            None => fleet.lock(&holder("bo")).await,
        };
        fleet.close().await;
        locked
    })
}

/// Another run, in a process of its own, that has the lock.
fn other_run(inventory: &Path) -> Child {
    let this = std::env::current_exe().expect("this program");
    let mut child = Command::new(this)
        .args(["--exact", "host::a_run_that_holds_the_lock", "--ignored", "--nocapture"])
        .env(HOLD, inventory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("LOCKED")), "the other run got no lock");
    child
}

#[test]
#[ignore = "run by the test below as another operator's run"]
fn a_run_that_holds_the_lock() {
    let Some(inventory) = std::env::var_os(HOLD) else { return };
    wait_for(async {
        let mut fleet = connect(Path::new(&inventory)).await;
        fleet.lock(&holder("aki")).await.expect("the lock is free");
        let _ = std::io::Write::write_all(&mut std::io::stdout(), b"\nLOCKED\n");
        std::future::pending::<()>().await;
    });
}

#[test]
fn a_lock_a_fence_and_a_change_that_undoes_itself() {
    let lab = Lab::fresh("host", &[]);
    let inventory = lab.inventory();
    let began = Instant::now();
    let part = |name: &str| eprintln!("host: {name} at {:.1} s", began.elapsed().as_secs_f64());

    a_kill_frees_the_lock_at_once(&lab, &inventory);
    part("kill -9");
    wait_for(unlock_fences_a_run_off(&inventory));
    part("fence");
    changes(&lab, &inventory);
    part("changes");
    wait_for(records(&inventory));
    part("records");
    a_silent_line_frees_the_lock_in_time(&lab, &inventory);
    part("silence");
    // Nothing of a lock's processes is left once the relays' lines are gone, on any host.
    for node in lab.nodes() {
        until("no process is left", Duration::from_secs(30), || (holders(&lab, &node) == 0).then_some(()));
    }
    lab.down();
}

/// Processes on a host that have the lock's file open or feed its loop.
fn holders(lab: &Lab, node: &str) -> usize {
    let script = "ls -l /proc/[0-9]*/fd/9 2>/dev/null | grep -c /run/quorate/lock; pgrep -fc '^timeout 25 head -c 1$'";
    lab.root(node, script).out.lines().map(|line| line.trim().parse::<usize>().expect("a count")).sum()
}

fn a_kill_frees_the_lock_at_once(lab: &Lab, inventory: &Path) {
    let mut other = other_run(inventory);
    for node in lab.nodes() {
        assert!(holders(lab, &node) > 0, "{node} is not locked");
    }
    let refused = try_lock(inventory).expect_err("two runs have the lock");
    let HostError::Locked { host, who, from, command, .. } = &refused else { panic!("{refused}") };
    assert_eq!([host, who, from, command], ["db01", "aki", "ws1", "apply"]);
    assert!(refused.to_string().contains("2026-11-25T14:00:00Z") && refused.hint().contains("quorate unlock"));

    other.kill().expect("kill -9");
    let killed = Instant::now();
    other.wait().expect("it is gone");
    until("the lock is free", Duration::from_secs(10), || try_lock(inventory).ok());
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    // And at once again: a run that ends gives it back before it ends.
    try_lock(inventory).expect("the lock was given back");
    eprintln!("host: free {:.2} s after kill -9 (with a new connection)", killed.elapsed().as_secs_f64());
}

async fn unlock_fences_a_run_off(inventory: &Path) {
    let mut fleet = connect(inventory).await;
    let mine = holder("bo");
    fleet.lock(&mine).await.expect("the lock is free");
    let done = host::Command::new("touching a file", "touch /run/touched");
    assert!(run(&fleet, "db02", done.clone()).await.expect("the lock is ours").success());

    let operator = connect(inventory).await;
    let shown = run(&operator, "db02", host::look()).await.expect("an answer");
    assert!(shown.text().contains(&mine.token));
    let broken = run(&operator, "db02", host::break_lock()).await.expect("an answer");
    assert!(broken.success() && broken.text().contains("\"bo\""), "{broken:?}");
    assert!(
        run(&operator, "db02", host::Command::new("removing", "rm /run/touched")).await.expect("no fence").success()
    );

    let fenced = run(&fleet, "db02", done.clone()).await.expect_err("the lock is gone");
    assert_eq!(fenced, HostError::Fenced { host: "db02".into(), step: "touching a file".into() });
    let look = host::Command::new("looking", "test ! -e /run/touched");
    assert!(run(&operator, "db02", look).await.expect("an answer").success(), "it was done all the same");
    assert!(run(&fleet, "db01", done.clone()).await.expect("the others are still ours").success());
    fleet.unlock().await;
    fleet.lock(&holder("cho")).await.expect("free at once after it was given back");
    assert!(run(&fleet, "db02", done).await.expect("a new lock").success());
    fleet.close().await;
    operator.close().await;
}

fn file(path: &str, text: &str) -> Candidate {
    Candidate {
        path: path.to_owned(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: 0o644,
        bytes: text.into(),
        sha256: quorate::cluster::sha256(text.as_bytes()),
        check: None,
        check_user: None,
        keep_name: false,
    }
}

/// Stages the file and makes the change; fails unless it is live.
async fn change(fleet: &Fleet, text: &str, mode: Mode, undo_after: u64) {
    let staged = run(fleet, "db01", host::stage(&[file("/etc/served.conf", text)])).await.expect("an answer");
    assert!(staged.success(), "{}", staged.errors());
    let change = Activation {
        unit: "served.service".to_owned(),
        mode,
        paths: vec![("/etc/served.conf".to_owned(), FileDate::Now)],
        undo_after: Duration::from_secs(undo_after),
        run: "f00d".to_owned(),
        ..Activation::default()
    };
    let output = run(fleet, "db01", change.command()).await.expect("an answer");
    assert!(output.success(), "{}", output.errors());
}

fn changes(lab: &Lab, inventory: &Path) {
    // What the unit has read, its process, and the file.
    let served =
        || lab.root("db01", "cat /run/served; systemctl show -p MainPID --value served; cat /etc/served.conf").out;
    let process = || served().lines().nth(1).map(str::to_owned);
    let shows = |text: &str| served().split_whitespace().filter(|word| *word == text).count() == 2;
    let timers = || {
        lab.root("db01", "systemctl list-units --all --no-legend --plain 'quorate-undo-*'; ls -A /var/lib/quorate/undo")
            .out
    };

    wait_for(async {
        let fleet = connect(inventory).await;
        let begin = journal::Record::End { run: "f00d".into(), at: "now".into(), exit: 0, result: "test".into() };
        assert!(run(&fleet, "db01", journal::append([&begin])).await.expect("an answer").success());
        // A unit that is not there yet is started, and goes again when it is undone.
        let files = [file("/etc/systemd/system/served.service", UNIT), file("/etc/served.conf", "one\n")];
        for settled in [false, true] {
            assert!(run(&fleet, "db01", host::stage(&files)).await.expect("an answer").success());
            let start = Activation {
                unit: "served.service".to_owned(),
                mode: Mode::Start,
                daemon_reload: true,
                paths: files.iter().map(|file| (file.path.clone(), FileDate::Now)).collect(),
                undo_after: Duration::from_secs(60),
                ..Activation::default()
            };
            let output = run(&fleet, "db01", start.command()).await.expect("an answer");
            assert!(output.success(), "{}", output.errors());
            until("it serves", Duration::from_secs(10), || shows("one").then_some(()));
            let end = if settled { confirm("served.service") } else { undo_now("served.service") };
            let output = run(&fleet, "db01", end).await.expect("an answer");
            assert!(output.success(), "{}", output.errors());
            let left = "systemctl is-active served; ls /etc/served.conf /etc/systemd/system/served.service";
            assert_eq!(lab.root("db01", left).code == 0, settled);
        }
        assert_eq!(timers(), "");
        for mode in [Mode::Reload, Mode::Restart] {
            change(&fleet, "two\n", mode, 60).await;
            assert!(shows("two") && timers().contains("quorate-undo-served.timer"), "{}{}", served(), timers());
            assert!(run(&fleet, "db01", undo_now("served.service")).await.expect("an answer").success());
            assert!(shows("one"), "undone: {}", served());
            change(&fleet, "two\n", mode, 60).await;
            for _ in 0..2 {
                assert!(run(&fleet, "db01", confirm("served.service")).await.expect("an answer").success());
            }
            assert!(run(&fleet, "db01", undo_now("served.service")).await.expect("an answer").success());
            assert!(shows("two"), "settled: {}", served());
            assert_eq!(timers(), "");
            change(&fleet, "one\n", mode, 60).await;
            assert!(run(&fleet, "db01", confirm("served.service")).await.expect("an answer").success());
        }
        fleet.close().await;
    });
    // Nobody confirms, and nobody is there: the host puts it back alone, by a reload or by a restart.
    for mode in [Mode::Reload, Mode::Restart] {
        wait_for(async {
            let fleet = connect(inventory).await;
            change(&fleet, "two\n", mode, 3).await;
            assert!(shows("two"));
            fleet.close().await;
        });
        let (armed, before) = (Instant::now(), process());
        until("the host undoes it", Duration::from_secs(10), || shows("one").then_some(()));
        eprintln!("host: undone by the timer {:.1} s after a {mode:?}", armed.elapsed().as_secs_f64());
        assert_eq!(before == process(), mode == Mode::Reload);
        until("its traces go", Duration::from_secs(10), || timers().is_empty().then_some(()));
        wait_for(async {
            let fleet = connect(inventory).await;
            let late = run(&fleet, "db01", confirm("served.service")).await.expect("an answer");
            assert_eq!(late.code, UNDONE, "{}", late.errors());
            let lines = run(&fleet, "db01", journal::last(1)).await.expect("an answer").text();
            let ours = |record: &journal::Record| matches!(record, journal::Record::Undone { run, ok: true, .. } if run == "f00d");
            assert!(journal::records(&lines).iter().any(ours), "{lines}");
            fleet.close().await;
        });
    }
}

async fn records(inventory: &Path) {
    let fleet = connect(inventory).await;
    let paths = || ["/etc/served.conf".to_owned(), "/etc/hostname".to_owned()];
    for number in 1..=6 {
        let write = generations::write(number, "{}", "cluster: 名\n", "{\"ttl\":30}", paths());
        let output = run(&fleet, "db01", write).await.expect("an answer");
        assert!(output.success(), "{}", output.errors());
    }
    let answer = run(&fleet, "db01", generations::current()).await.expect("an answer");
    let found = generations::parse(&answer.stdout).expect("a generation");
    assert_eq!((found.number, found.kept, found.sums.len()), (6, vec![2, 3, 4, 5, 6], 2));
    assert_eq!(found.sums["/etc/served.conf"], quorate::cluster::sha256(b"one\n"));
    let text = run(&fleet, "db01", generations::inventory(2)).await.expect("an answer");
    assert_eq!((text.text().as_str(), found.inventory.as_str()), ("cluster: 名\n", "cluster: 名\n"));
    fleet.close().await;
}

/// Every packet of the other run's connections is dropped, both ways, so that no host learns of its death.
fn a_silent_line_frees_the_lock_in_time(lab: &Lab, inventory: &Path) {
    let space = format!("ql-{}", lab.name());
    let inside = |args: &[&str]| Run::of(Command::new("ip").args(["netns", "exec", &space]).args(args));
    let mut other = other_run(inventory);
    let sockets = inside(&["ss", "-Htn", "state", "established", "dport", "=", ":22"]).exits(0).out;
    let ports: Vec<&str> = sockets
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.rsplit_once(':'))
        .map(|(_, port)| port)
        .collect();
    assert!(ports.len() >= 3, "{sockets}");
    let ports = ports.join(", ");
    let rules = format!(
        "add table inet silence; add chain inet silence out {{ type filter hook output priority 0; }}; \
         add chain inet silence in {{ type filter hook input priority 0; }}; \
         add rule inet silence out tcp dport 22 tcp sport {{ {ports} }} drop; \
         add rule inet silence in tcp sport 22 tcp dport {{ {ports} }} drop"
    );
    inside(&["nft", &rules]).exits(0);
    let cut = Instant::now();
    other.kill().expect("kill -9");
    other.wait().expect("it is gone");
    assert!(try_lock(inventory).is_err(), "the hosts heard of its death: the line was not cut");
    until("the lock is free", Duration::from_secs(40), || try_lock(inventory).ok());
    let after = cut.elapsed();
    eprintln!("host: free {:.1} s after the line fell silent", after.as_secs_f64());
    assert!(after < Duration::from_secs(30), "{after:?}");
    inside(&["nft", "delete table inet silence"]).exits(0);
}
