#!/bin/sh
# From nothing to a verified cluster of three hosts on this machine, and how to connect to it. Run again, it changes nothing.
set -eu
cd "$(dirname "$0")/.."
lab=demo
[ "$(id -u)" = 0 ] || { echo "the lab boots systemd containers and needs root: sudo make demo" >&2; exit 1; }

scripts/setup.sh build
echo "== building quorate"
cargo build --release --locked
quorate=$PWD/target/release/quorate

echo "== booting three hosts of Debian 13"
"$quorate" lab up --name "$lab"
folder=$("$quorate" lab path --name "$lab")
inventory=$folder/inventory.yml
secrets=$folder/inventory.secrets.yml

# A role and a database for an application, as an operator would add them.
grep -q '^postgresql:' "$inventory" ||
    printf '\npostgresql:\n  roles:\n    - name: app\n  databases:\n    - name: app\n      owner: app\n' >>"$inventory"
grep -q '^role_app:' "$secrets" ||
    printf 'role_app: "%s"\n' "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >>"$secrets"

echo "== installing the cluster (the first time builds from source: some minutes)"
"$quorate" apply -i "$inventory"
echo "== verifying it once more"
"$quorate" verify -i "$inventory"

vip=$(sed -n 's/^vip: *//p' "$inventory")
echo "== connecting through the VIP, from db02, as the role app"
# The password goes by standard input: no argument and no variable of this machine holds it.
# shellcheck disable=SC2016 # for the host's shell
sed -n 's/^role_app: "\(.*\)"$/\1/p' "$secrets" | "$quorate" lab ssh --name "$lab" db02 -- '
    IFS= read -r PGPASSWORD
    export PGPASSWORD
    for port in 5000 5001; do
        psql -X -h '"$vip"' -p "$port" -U app app -c "SELECT inet_server_addr() AS server, pg_is_in_recovery() AS replica"
    done'

cat <<END
The cluster runs. To look around (from this folder):
  target/release/quorate verify -i $inventory
  target/release/quorate lab ssh --name $lab db01
To connect, on any of its hosts, or on this machine behind \`ip netns exec ql-$lab\` if it has psql:
  psql -h $vip -p 5000 -U app app    # reads and writes: the leader
  psql -h $vip -p 5001 -U app app    # reads: the replicas
The password of app is role_app in $secrets
To remove all of it:
  target/release/quorate lab down --name $lab
END
