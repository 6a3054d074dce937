#!/bin/sh
# Looks for what building and testing quorate needs, and installs what is missing on a Debian machine, saying what.
#
#   scripts/setup.sh build    to build and run it
#   scripts/setup.sh test     to lint and test it too
#
# What only the lab needs, `quorate lab up` installs itself.
set -eu
cd "$(dirname "$0")/.."
for_what=${1:-test}

die() { echo "setup: $*" >&2; exit 1; }
older() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Rust is not taken from the distribution: Debian 12 has 1.63.
wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
command -v rustc >/dev/null ||
    die "there is no Rust on this machine; quorate needs $wanted or later. Install it (https://rustup.rs), then run this again."
have=$(rustc --version | cut -d' ' -f2)
older "${have%%-*}" "$wanted" && die "this machine has Rust $have, quorate needs $wanted or later: \`rustup update\`"
if [ "$for_what" = test ]; then
    for component in clippy rustfmt; do
        [ "$component" = clippy ] && verb=clippy || verb=fmt
        cargo "$verb" --version >/dev/null 2>&1 && continue
        echo "setup: adding Rust's $component"
        rustup component add "$component" || die "Rust's $component is missing: \`rustup component add $component\`"
    done
fi

packages=
# need PROGRAM PACKAGE…
need() { program=$1; shift; command -v "$program" >/dev/null || packages="$packages $*"; }
# One of the libraries (TLS for the downloads) has parts in C and assembler.
need cc gcc libc6-dev
need ssh openssh-client
# The authorities that downloads are judged by.
[ -s /etc/ssl/certs/ca-certificates.crt ] || packages="$packages ca-certificates"
if [ "$for_what" = test ]; then
    need shellcheck shellcheck
    need ps procps
    # Servers with a certificate of their own, and a client as a host has it.
    need openssl openssl
    need curl curl
    # An archive of packages is signed.
    need gpg gnupg
fi
[ -n "$packages" ] || exit 0
command -v apt-get >/dev/null || die "these Debian packages, or what they are called here, are missing:$packages"
[ "$(id -u)" = 0 ] || die "run this as root, or install by hand: apt-get install$packages"
echo "setup: installing$packages"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of names
install() { apt-get -y -q --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install $packages; }
# The lists may be there and fresh enough; if not, they are fetched.
install >/dev/null 2>&1 || { apt-get -q -o DPkg::Lock::Timeout=300 update && install; }
