#!/bin/sh
# All tests that need neither root nor hosts.
set -eu
cd "$(dirname "$0")/.."
# A snapshot that differs fails; it is never rewritten here.
export INSTA_UPDATE=no
if command -v cargo-nextest >/dev/null; then
    cargo nextest run --locked --no-fail-fast
    cargo test --locked --doc
else
    cargo test --locked
fi
