# What can be done here: `make`.
.NOTPARALLEL:
.PHONY: help setup build lint unit lab-suite root test test-full demo bench clean-lab
export PATH := $(HOME)/.cargo/bin:$(PATH)

help:
	@echo 'make build      the release binary: target/release/quorate'
	@echo 'make test       everything, the lab included (root on Debian): setup, lint, unit, the lab suite'
	@echo 'make test-full  that, more of it, bundles, destroy, package archives, other Debian releases, RHEL 8, five nodes, and the lab itself'
	@echo 'make demo       from nothing to a verified cluster of three hosts on this machine (root on Debian)'
	@echo 'make lint       format, clippy, documentation, shell scripts, dependencies'
	@echo 'make unit       the tests that need neither root nor hosts'
	@echo 'make bench      how long installs, checks and changes take, how large the program is (root on Debian)'
	@echo 'make setup      what building and testing needs; installs what is missing (Debian)'
	@echo 'make clean-lab  removes the labs that tests, demo and benches made (root)'

setup:
	@scripts/setup.sh test

build:
	@scripts/setup.sh build
	cargo build --release --locked

lint:
	@scripts/stage.sh lint scripts/lint.sh

unit:
	@scripts/stage.sh unit scripts/unit.sh

# Told at the start, not after the other tests.
root:
	@[ "$$(id -u)" = 0 ] || { echo 'the lab boots systemd containers: run this as root' >&2; exit 1; }

lab-suite: root
	@scripts/stage.sh lab scripts/lab.sh install:: host:: faults:: change:: rhel:: --skip long_

test: root setup lint unit lab-suite

test-full: test
	@scripts/stage.sh variants scripts/lab.sh variants::
	@scripts/stage.sh long scripts/lab.sh change::long_ rhel::long_
	@scripts/stage.sh parts scripts/lab.sh destroy:: bundle:: packages::
	@scripts/stage.sh smoke cargo test --locked --test lab_smoke -- --ignored --test-threads=1 --nocapture

demo:
	@scripts/demo.sh

bench: root
	@scripts/setup.sh build
	benches/install.sh
	benches/noop.sh
	benches/redeploy.sh
	benches/rolling.sh
	benches/scale.sh
	benches/size.sh
	@scripts/labs.sh

clean-lab: root
	@scripts/labs.sh demo
