# Arguments: an account, an empty folder of that account's, packages. Run as root; what is in the packages is unpacked by the account.
# apt verifies each file against the signed index, as for an installation; nothing is installed and nothing of theirs is run.
account=$1 folder=$2
shift 2
mkdir "$folder/.packages" && cd "$folder/.packages" || exit 1
# As root apt hands the download to an account of its own, which could not write here and says so.
download() { apt-get -q -o APT::Sandbox::User=root download "$@" </dev/null; }
download "$@" >/dev/null 2>&1 || {
    # The lists were not fresh enough.
    rm -f ./*.deb
    apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null && download "$@"
} || {
    # An archive may list a file that it has lost; the release's own version of the package is as good for a build.
    for package; do
        [ -z "$(find . -name "${package}_*.deb")" ] || continue
        for version in $(apt-cache madison "$package" | cut -d '|' -f 2); do
            download "$package=$version" && break
        done
        [ -n "$(find . -name "${package}_*.deb")" ] || { echo "$package can't be fetched in any version" >&2; exit 1; }
    done
}
for package in ./*.deb; do
    dpkg-deb --fsys-tarfile "$package" |
        setpriv --reuid="$account" --regid="$account" --init-groups tar -xf - -C "$folder" --no-same-owner --no-same-permissions || exit 1
done
cd "$folder" && rm -rf .packages || exit 1
# Absolute links between packages, such as a library under its former name, have to stay inside.
find . -type l -lname '/*' | while IFS= read -r link; do
    target=$folder$(readlink "$link")
    [ ! -e "$target" ] || ln -sfn "$target" "$link"
done
