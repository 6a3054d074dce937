//! Every way in which a run can be kept from its work: the right exit code, a message that says host, what, why and what to
//! do, and nothing changed on any host.
//!
//! Two labs: `f1` stays bare; `f2` is brought as far as a failing build and files that their own daemons refuse.

mod access;
mod bench;
mod build;
mod files;
mod preflight;
mod stop;
mod usage;

use bench::Bench;

#[test]
fn bare_hosts_are_left_as_they_were() {
    let mut bench = Bench::fresh("f1");
    usage::all(&bench);
    access::all(&bench);
    preflight::all(&bench);
    build::downloads(&bench);
    stop::all(&bench);
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
