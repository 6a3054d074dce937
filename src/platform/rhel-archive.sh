# Arguments: the address of the PostgreSQL project's archive or of a mirror of it, a package that must be on offer. Sets the
# archive up as its own instructions say; where the host gets the package from elsewhere (a company's own repositories), it is left so.
base=$1 package=$2
# It goes into a file as it stands.
case $base in *[!A-Za-z0-9:/._~%+-]*) echo "$base: a character in it can't stand in a repository's file" >&2; exit 1 ;; esac
trap '' HUP INT PIPE TERM
umask 022
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
# Without -y dnf asks, whether a key may be imported for one, and takes this very script for the answer.
run() { dnf -y ${QUORATE_CA:+--setopt=sslcacert="$QUORATE_CA"} "$@" </dev/null >"$log" 2>&1; }
failed() { code=$?; tail -n 20 "$log" >&2; exit "$code"; }
file=/etc/yum.repos.d/pgdg-redhat-all.repo official=https://download.postgresql.org/pub/repos/yum
# shellcheck source=/dev/null
major=$(. /etc/os-release && echo "${VERSION_ID%%.*}")
# The distribution's own module would hide the archive's packages; later releases have no modules.
case $major in 8 | 9) run -q module disable postgresql || failed ;; esac
if [ ! -e "$file" ]; then
    run -q repoquery --available -- "$package" && grep -qF "$package" "$log" && exit 0
    run install "$base/reporpms/EL-$major-$(uname -m)/pgdg-redhat-repo-latest.noarch.rpm" || failed
fi
# The package names the project's own address; a mirror serves the same below its own, and the file says which one it is, so that another
# can take its place. The keys lie on the host: who signs stays the same.
note='# Read by quorate from a mirror (postgresql.repository): '
named=$(sed -n "s|^$note||p" "$file" | head -n 1)
named=${named:-$official}
if [ "$base" != "$named" ] && grep -qF "$named" "$file"; then
    { [ "$base" = "$official" ] || echo "$note$base"; sed -e "\\|^$note|d" -e "s|$named|$base|g" "$file"; } >"$file.new" &&
        mv -f "$file.new" "$file" || exit 1
fi
