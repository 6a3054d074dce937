#!/bin/sh
# What looking at 3, 10, 30 and 100 targets costs, against as many cold `ssh HOST true` at once.
#
#   benches/scale.sh [RUNS]
#
# The targets are sshds at ports of their own on the lab's three hosts, so host and machine share the two cores: an upper bound.
set -eu
cd "$(dirname "$0")/.."
. benches/lib.sh
runs=${1:-5}
first=2200
program
cluster
cargo build --release --locked --quiet --bench scale || die "the release build failed"
scale=$(cargo bench --locked --quiet --bench scale --no-run --message-format short 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
[ -n "$scale" ] || scale=$(find target/release/deps -name 'scale-*' -type f -perm -u+x | head -n 1)
folder=$(mktemp -d)
config=$(dirname "$inventory")/ssh_config
hosts=$(sed -n 's/^ *- name: *\(db[0-9]*\)$/\1/p' "$inventory")
on_hosts() { for host in $hosts; do ssh -F "$config" "$host" sudo sh -s <"$folder/script" || die "$host: the sshds"; done; }
cat >"$folder/script" <<END
[ ! -d /run/bench-sshd ] || for file in /run/bench-sshd/*; do kill "\$(cat "\$file")" || true; done
rm -rf /run/bench-sshd
END
trap 'on_hosts; rm -rf "$folder"' EXIT
cp "$folder/script" "$folder/stop"
cat >>"$folder/script" <<END
mkdir -p /run/bench-sshd /run/sshd
port=$first
while [ \$port -lt $((first + 100)) ]; do
    /usr/sbin/sshd -p \$port -o PidFile=/run/bench-sshd/\$port -o PerSourceMaxStartups=none -o PerSourcePenalties=no
    port=\$((port + 1))
done
END
on_hosts
cp "$folder/stop" "$folder/script"

cold_ssh() {
    number=0 pids=
    while [ "$number" -lt "$1" ]; do
        for host in $hosts; do
            [ "$number" -lt "$1" ] || break
            ssh -F "$config" -p $((first + number)) -o ControlMaster=no -o ControlPath=none "$host" true </dev/null &
            pids="$pids $!"
            number=$((number + 1))
        done
    done
    for pid in $pids; do wait "$pid" || return 1; done
}

machine
echo "# $runs runs"
run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    for targets in 3 10 30 100; do
        milliseconds cold_ssh "$targets" >>"$folder/ssh-$targets"
        "$scale" "$inventory" "$first" "$targets" >"$folder/out" || die "a look at $targets targets failed"
        sed 's/.* //' "$folder/out" >>"$folder/look-$targets"
    done
done
printf '%-8s %6s %6s %6s\n' '' min median max
for targets in 3 10 30 100; do
    summary "ssh $targets" "$folder/ssh-$targets"
    summary "look $targets" "$folder/look-$targets"
done
