# shellcheck shell=sh
# What the benches share; read by `. benches/lib.sh` from the project's folder.
#
# QUORATE=PATH takes a program that is there in place of a release build; INVENTORY=FILE a cluster in place of the lab `bench`.

LAB=bench
# Set by the bench, for what needs them: a folder of its own, the lab's ssh configuration, the names of the hosts.
folder='' config='' hosts=''
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

# One `ssh HOST true` to each of $hosts at once, by $config. Cold: nobody else's connection is used, none is left behind.
cold_ssh() {
    pids=
    for host in $hosts; do
        ssh -F "$config" -o ControlMaster=no -o ControlPath=none "$host" true </dev/null &
        pids="$pids $!"
    done
    for pid in $pids; do wait "$pid" || return 1; done
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

# variant TEXT: writes $folder/inventory.yml (sets $changed): the lab's own, the role and the database of the clients, and TEXT. That may
# go on with keys of `postgresql`, two blanks deep, or begin anew.
variant() {
    changed=$folder/inventory.yml
    {
        cat "$inventory"
        printf '\npostgresql:\n  roles: [{name: lab}]\n  databases: [{name: lab, owner: lab}]\n  hba: ["host lab lab 192.168.13.1/32 scram-sha-256"]\n%s\n' "$1"
    } >"$changed"
    secrets=$folder/inventory.secrets.yml
    [ -f "$secrets" ] || {
        (umask 077; cat "$(dirname "$inventory")/inventory.secrets.yml" >"$secrets")
        printf 'role_lab: "%s"\n' "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >>"$secrets"
    }
}

# client MODE: starts a client of tests/lab/change/clients.py against VIP:5000, in the lab's own network with the files of db01.
# Its lines are in $folder/MODE.log; it ends when $folder/MODE.running is removed.
client() {
    : >"$folder/$1.running"
    node=$("$quorate" lab ps --name "$LAB" | awk '$1 == "db01" {print $4}')
    password=$(sed -n 's/^role_lab: "\(.*\)"$/\1/p' "$folder/inventory.secrets.yml")
    # shellcheck disable=SC2016 # for the shell there
    {
        printf '{"host": "192.168.13.48", "port": 5000, "direct_port": 5432, "database": "lab", "user": "lab", "password": "%s", ' "$password"
        printf '"nodes": {"db01": "192.168.13.45", "db02": "192.168.13.46", "db03": "192.168.13.47"}}\n'
        while [ -e "$folder/$1.running" ]; do sleep 0.2; done
    } | nsenter -t "$node" -m --net="/run/netns/ql-$LAB" env -i PATH=/usr/bin:/bin LC_ALL=C \
        sh -c 'exec $(ls -d /opt/quorate/patroni-*/bin/python3 | tail -n 1) -u -c "$1" "$2"' sh "$(cat tests/lab/change/clients.py)" "$1" \
        >"$folder/$1.log" &
    clients="${clients:-} $!"
}

stop_clients() {
    rm -f "$folder"/*.running
    # shellcheck disable=SC2086 # a list
    [ -z "${clients:-}" ] || wait $clients
    clients=
}
