# shellcheck shell=sh
# What the benches share; read by `. benches/lib.sh` from the project's folder.
#
# QUORATE=PATH takes a program that is there in place of a release build; INVENTORY=FILE a cluster in place of the lab `bench`.

LAB=bench
# Where `milliseconds` leaves the output of what it ran.
log=/dev/null
die() { echo "$0: $*" >&2; exit 1; }

# Sets $quorate.
program() {
    quorate=${QUORATE:-}
    if [ -z "$quorate" ]; then
        cargo build --release --locked --quiet || die "the release build failed"
        quorate=target/release/quorate
    fi
    [ -x "$quorate" ] || die "there is no program $quorate"
}

# Sets $inventory: the one that was named, or that of the lab `bench`, installed if it is not there yet.
cluster() {
    inventory=${INVENTORY:-}
    [ -z "$inventory" ] || return 0
    [ "$(id -u)" = 0 ] || die "the lab needs root"
    "$quorate" lab up --name "$LAB" || die "the lab does not come up"
    inventory=$("$quorate" lab path --name "$LAB")/inventory.yml
    "$quorate" apply -i "$inventory" >/dev/null 2>&1 || die "the cluster could not be installed: $quorate apply -i $inventory"
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# milliseconds COMMAND…: prints how long it took; its output goes to $log, its failure ends the bench.
milliseconds() {
    from=$(now_ms)
    "$@" >"$log" 2>&1 || { cat "$log" >&2; die "failed: $*"; }
    echo $(($(now_ms) - from))
}

# watched COMMAND…: runs it and sets $peak to the most memory it held itself (KiB; programs that it starts are not counted).
# shellcheck disable=SC2034 # read by the benches
watched() {
    peak=0
    "$@" &
    watched_pid=$!
    # A process that ended has no such line any more.
    while held=$(awk '/^VmHWM:/ {print $2}' "/proc/$watched_pid/status" 2>/dev/null) && [ -n "$held" ]; do
        peak=$held
        sleep 0.05
    done
    wait "$watched_pid"
}

# summary NAME FILE: minimum, median and maximum of the numbers in a file, one in a line.
summary() {
    sort -n "$2" | awk -v name="$1" '{v[NR] = $1} END {printf "%-8s %6d %6d %6d ms\n", name, v[1], v[int((NR + 1) / 2)], v[NR]}'
}

median() { sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

machine() {
    . /etc/os-release
    echo "# $("$quorate" --version), $(nproc) cores, $(awk '/^MemTotal:/ {printf "%.1f GiB", $2 / 1048576}' /proc/meminfo), $PRETTY_NAME"
}
