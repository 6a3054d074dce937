vip=$1 firewall=$2
neighbour() {
    # Any packet to the VIP makes the kernel ask who has it; the packet itself (discard port) is never answered.
    ip -o -4 addr show | grep -q " $vip/" && return 0
    # An answer of long ago, by somebody who is gone, is no answer: the kernel would show it for minutes.
    ip neigh flush to "$vip"
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
# Who listens is looked up in every process; on a host of ours only whether somebody does.
owners=p
[ ! -e /var/lib/quorate/cluster ] || owners=
# Kernels from 6.1 on say in a file what uname says.
{ read -r machine </proc/sys/kernel/arch; } 2>/dev/null || machine=$(uname -m)
running=no
[ ! -d /run/systemd/system ] || running=yes
firewall() {
    # Where it is not installed, nobody is asked.
    if [ -e /usr/sbin/firewalld ] && systemctl is-active --quiet firewalld; then
        # Its bus answers in milliseconds; its own client is a program of Python that takes its time.
        version=$(busctl get-property org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1 version |
            sed -n 's/^s "\(.*\)"$/\1/p')
        echo "firewalld ${version:-$(firewall-cmd --version)}"
        # A reload of ours would make it forget what it has only as it runs. Interfaces are given to it anew.
        if [ "$firewall" = manage ] && [ ! -e /etc/firewalld/policies/quorate.xml ] && [ "$(zones)" != "$(zones --permanent)" ]; then echo runtime; fi
    fi
    [ ! -e /etc/ufw/ufw.conf ] || ! grep -q '^ENABLED=yes' /etc/ufw/ufw.conf || echo ufw
}
zones() {
    firewall-cmd "$@" --list-all-zones | sed -e 's/^\([^ ][^ ]*\) (.*)$/\1/' -e '/^ *interfaces:/d'
    firewall-cmd "$@" --direct --get-all-rules
}
clocks
# apt's own sources in either form: their first archive serves upstream's source archives and Debian's patches too.
set --
for path in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do set -- "$@" apt "$path"; done
# shellcheck disable=SC2086,SC2154 # a list of words, from the lines before this script
files os /etc/os-release memory /proc/meminfo memory_limit /sys/fs/cgroup/memory.max process /proc/self/status remembered /var/lib/quorate/question $kept "$@"
surveyed=yes
say machine "$machine"
section addresses ip -o -4 addr show
section listeners ss "-Hltn$owners"
section free stat -f -c '%a %S %n' /var/lib /opt /var/tmp /var/log
say systemd "$running"
section firewall firewall
# Its own tool, or the kernel's word where that is not installed.
if command -v getenforce >/dev/null; then
    section selinux getenforce
elif { read -r enforce </sys/fs/selinux/enforce; } 2>/dev/null; then
    case $enforce in 1) say selinux Enforcing ;; 0) say selinux Permissive ;; esac
fi
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
