# First argument: a folder with an index of packages. dnf then sees that alone: no repository and no exclusion of the host's own, and what it
# keeps about it stays in the folder. The index needs no signature: its sum was checked on the way. Plugins that speak to a subscription's
# server are left out.
folder=$1
shift
umask 022
mkdir -p "$folder/.dnf" || exit 1
