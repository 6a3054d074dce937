//! Every way in which a run can be kept from its work: the right exit code, a message that says host, what, why and what to
//! do, and nothing changed on any host.
//!
//! Three labs: `f1` stays bare; `f2` is brought as far as a failing build and files that their own daemons refuse; `f3` as far as
//! archives that break out and a program that does not run, and then to a cluster.

mod access;
mod artifacts;
mod bench;
mod build;
mod files;
mod preflight;
mod stop;
mod usage;

use std::time::Instant;

use bench::Bench;

#[test]
fn bare_hosts_are_left_as_they_were() {
    let mut bench = Bench::fresh("f1");
    for (name, part) in [
        ("usage", usage::all as fn(&Bench)),
        ("access", access::all),
        ("preflight", preflight::all),
        ("downloads", build::downloads),
        ("artifacts", artifacts::before_any_host),
        ("stop", stop::all),
    ] {
        let began = Instant::now();
        part(&bench);
        eprintln!("faults: {name} took {:.1} s", began.elapsed().as_secs_f64());
    }
    access::host_down(&mut bench);
    bench.down();
}

#[test]
fn a_failed_build_and_refused_files_activate_nothing() {
    let bench = Bench::fresh("f2");
    build::failing_compile(&bench);
    files::all(&bench);
    bench.down();
}

#[test]
fn what_is_wrong_with_archives_and_programs_activates_nothing() {
    let bench = Bench::fresh("f3");
    artifacts::on_the_host_that_builds(&bench);
    artifacts::on_every_host(&bench);
    bench.down();
}
