vip=$1
neighbour() {
    # Any packet to the VIP makes the kernel ask who has it; the packet itself (discard port) is never answered.
    ip -o -4 addr show | grep -q " $vip/" && return 0
    bash -c 'echo >"/dev/udp/$0/9"' "$vip" || return 0
    n=0
    while [ $n -lt 12 ]; do
        seen=$(ip neigh show to "$vip")
        case $seen in
        *lladdr*) echo "$seen"; return 0 ;;
        *FAILED*) return 0 ;;
        esac
        sleep 0.1
        n=$((n + 1))
    done
}
vrrp() {
    # Routers announce themselves every second; whoever is heard within 3.2 seconds is printed by its router id.
    [ ! -e /etc/keepalived/keepalived.conf ] || { echo skipped; return 0; }
    command -v perl >/dev/null || return 1
    own=$(ip -o -4 addr show | awk -v vip="$vip" '{split($4, a, "/"); if ($2 != "lo" && a[1] != vip) print a[1]}')
    timeout 8 perl -e '
        use Socket;
        socket(my $s, PF_INET, SOCK_RAW, 112) or exit 1;
        setsockopt($s, 0, 35, inet_aton("224.0.0.18") . inet_aton($_)) for @ARGV;
        my ($end, %seen) = (time + 3.2);
        while ((my $left = $end - time) > 0) {
            vec(my $in = "", fileno($s), 1) = 1;
            last unless select($in, undef, undef, $left);
            recv($s, my $packet, 1500, 0);
            my $head = (ord(substr($packet, 0, 1)) & 15) * 4;
            $seen{ord(substr($packet, $head + 1, 1))} = 1;
        }
        print "$_\n" for sort { $a <=> $b } keys %seen;
    ' $own
}
sync_write() {
    # Milliseconds per 2 KiB write that waits for the disk: what etcd does for every change.
    [ ! -e /etc/etcd/etcd.env ] || return 0
    file=/var/lib/.quorate-sync-$$
    from=$(date +%s%N)
    dd if=/dev/zero of="$file" bs=2048 count=40 oflag=dsync || { rm -f "$file"; return 1; }
    to=$(date +%s%N)
    rm -f "$file"
    echo $(((to - from) / 40000)) | awk '{printf "%.2f", $1 / 1000}'
}
# In the order of the folders; a folder that is not there would shift them.
free() { df -Pk /var/lib /opt /var/tmp /var/log | awk 'BEGIN {split("/var/lib /opt /var/tmp /var/log", f)} NR > 1 {print f[NR - 1], $4}'; }
# Who listens is looked up in every process; on a host of ours only whether somebody does.
listeners() { if [ -e /var/lib/quorate/cluster ]; then ss -Hltn; else ss -Hltnp; fi; }
running() { if [ -d /run/systemd/system ]; then echo yes; else echo no; fi; }
archive() {
    # The first archive of apt's own sources, in either form: it serves upstream's source archives and Debian's patches too.
    cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list |
        sed -n -e 's/^URIs:[[:space:]]*\(http[^[:space:]]*\).*/\1/p' -e 's/^deb[[:space:]]\([^]]*\][[:space:]]*\)\{0,1\}\(http[^[:space:]]*\).*/\2/p' |
        grep -v security | head -n 1
}
section clock date +%s.%N
section os cat /etc/os-release
section machine uname -m
section memory grep MemTotal: /proc/meminfo
section memory_limit cat /sys/fs/cgroup/memory.max
section cpus nproc
section addresses ip -o -4 addr show
section listeners listeners
section free free
section archive archive
section systemd running
if [ ! -e /etc/keepalived/keepalived.conf ]; then
    # The three looks that take time, at the same time.
    folder=$(mktemp -d)
    # Also when the line breaks or time runs out: nothing of ours stays behind.
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 1' HUP INT PIPE TERM
    vrrp >"$folder/vrrp" 2>/dev/null & heard=$!
    neighbour >"$folder/vip" 2>/dev/null & asked=$!
    sync_write >"$folder/sync" 2>/dev/null
    wait $asked
    wait $heard && section vrrp cat "$folder/vrrp"
    section vip_answer cat "$folder/vip"
    section sync_write cat "$folder/sync"
elif ! grep -qF " $vip/" /etc/keepalived/keepalived.conf; then
    # Another VIP than the one that is ours: somebody else may have it.
    section vip_answer neighbour
fi
