#!/bin/sh
# Everything that can be judged without running it: format, lints, documentation, shell scripts, dependencies.
set -eu
cd "$(dirname "$0")/.."
# Links to what is private stay plain words in the library's documentation; in the source they lead somewhere.
export RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings -A rustdoc::private_intra_doc_links"

cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
# `--all-targets` leaves out what a plain `cargo test` leaves out.
cargo clippy --locked --test lab -- -D warnings
cargo doc --locked --no-deps --lib

if command -v shellcheck >/dev/null; then
    # Scripts that are run as they stand.
    shellcheck -x .ci/run scripts/*.sh benches/*.sh templates/build/*.sh
    # Scripts that travel to a host as text: no first line, run by its /bin/sh; functions and variables may come from a prelude.
    # Not looked at: `a= b=` for empty variables (1007), arguments that are named and not used (2034).
    find src -name '*.sh' -print0 | xargs -0 shellcheck --shell=sh --severity=warning --exclude=SC1007,SC2034
else
    echo "lint: shellcheck is not installed, the shell scripts were not looked at" >&2
fi
if command -v cargo-deny >/dev/null; then
    cargo deny --locked --offline check bans licenses sources
else
    echo "lint: cargo-deny is not installed, deny.toml was not looked at" >&2
fi
