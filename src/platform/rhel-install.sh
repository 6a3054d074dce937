# Arguments: packages. Nothing is asked, nothing merely recommended comes along, and no service of a package is started: on this
# family a package starts nothing by itself.
# When the line to us breaks, this goes on to its end instead of leaving packages half unpacked; the next run waits for it (dnf's
# own lock). So nothing is written to that line before the end.
trap '' HUP INT PIPE TERM
umask 022
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
# Without -y dnf asks, whether a key may be imported for one, and takes this very script for the answer.
run() { dnf -y --setopt=install_weak_deps=False ${QUORATE_CA:+--setopt=sslcacert="$QUORATE_CA"} "$@" </dev/null >"$log" 2>&1; }
failed() { code=$?; tail -n 20 "$log" >&2; exit "$code"; }
# Repositories that a host has but leaves off: they are taken for this one call and stay off.
known() { cat /etc/yum.repos.d/*.repo 2>/dev/null | sed -n 's/^\[\(.*\)\][[:space:]]*$/\1/p'; }
extras=$(known | grep -E '^pgdg-rhel[0-9]+-extras$' | head -n 1)
builder=$(known | grep -E -i -x 'crb|powertools|codeready-builder-for-rhel-[0-9]+-(x86_64|aarch64)-rpms|ol[0-9]+_codeready_builder' | head -n 1)
rest=
for package; do
    case $package in
    # The PostgreSQL project's archive has etcd in its part "extras".
    etcd | patroni-etcd) rpm -q "$package" >/dev/null 2>&1 || run ${extras:+--enablerepo="$extras"} install -- "$package" || failed ;;
    *) rest="$rest $package" ;;
    esac
done
# shellcheck disable=SC2086 # names of packages, without blanks in them
set -- $rest
[ $# -gt 0 ] || exit 0
run install -- "$@" && exit 0
# What is not found may be in the repository of build dependencies.
if [ -n "$builder" ] && grep -qE 'Unable to find a match|No match for argument|nothing provides' "$log"; then
    run --enablerepo="$builder" install -- "$@" && exit 0
fi
# Metadata that is kept may name packages that are gone from the mirror.
run --refresh ${builder:+--enablerepo="$builder"} install -- "$@" || failed
