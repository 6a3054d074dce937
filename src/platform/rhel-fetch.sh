# Arguments: a folder that is not there yet, packages. Fills it with these packages and all that they depend on, and with an index of
# them. What this host has installed counts for nothing: the answer is the one of an empty system, so that it serves hosts that
# lack more than this one, or have older versions. Nothing is installed here but the program that makes the index.
folder=$1
shift
scratch=$folder.scratch
umask 022
mkdir -p "$folder" "$scratch/root/etc/dnf" || exit 1
log=$scratch/log
failed() { tail -n 20 "$log" >&2; exit 1; }
command -v createrepo_c >/dev/null || dnf -y install createrepo_c </dev/null >"$log" 2>&1 || failed
# An empty system knows neither which release it is, nor which modules are switched off.
python=$(sed -n '1s/^#![[:space:]]*\([^[:space:]]*\).*/\1/p' "$(command -v dnf)")
release=$("$python" -c 'import dnf.rpm; print(dnf.rpm.detect_releasever("/"))' 2>"$log") || failed
# shellcheck source=/dev/null
platform=$(. /etc/os-release && echo "${PLATFORM_ID:-platform:el${VERSION_ID%%.*}}")
[ ! -d /etc/dnf/modules.d ] || cp -a /etc/dnf/modules.d "$scratch/root/etc/dnf/" || exit 1
# dnf checks each file by the keys of its repository, as for an installation. It asks whether a key may be imported: into the empty system.
get() {
    dnf -y --installroot="$scratch/root" --releasever="$release" --setopt=module_platform_id="$platform" \
        --setopt=reposdir=/etc/yum.repos.d --setopt=varsdir=/etc/yum/vars,/etc/dnf/vars --setopt=cachedir="$scratch/cache" \
        --setopt=logdir="$scratch" --setopt=install_weak_deps=False --setopt=keepcache=True "$@" </dev/null >"$log" 2>&1
}
# Repositories that a host has but leaves off, as for an installation.
known() { cat /etc/yum.repos.d/*.repo 2>/dev/null | sed -n 's/^\[\(.*\)\][[:space:]]*$/\1/p'; }
extras=
case " $* " in
*" etcd "* | *" patroni-etcd "*) extras=$(known | grep -E '^pgdg-rhel[0-9]+-extras$' | head -n 1) ;;
esac
builder=$(known | grep -E -i -x 'crb|powertools|codeready-builder-for-rhel-[0-9]+-(x86_64|aarch64)-rpms|ol[0-9]+_codeready_builder' | head -n 1)
get ${extras:+--enablerepo="$extras"} --downloadonly --downloaddir="$folder" install -- "$@" || {
    [ -n "$builder" ] && grep -qE 'Unable to find a match|No match for argument|nothing provides' "$log" &&
        get ${extras:+--enablerepo="$extras"} --enablerepo="$builder" --downloadonly --downloaddir="$folder" install -- "$@"
} || failed
createrepo_c -q --no-database --simple-md-filenames "$folder" >"$log" 2>&1 || failed
rm -rf "$scratch"
