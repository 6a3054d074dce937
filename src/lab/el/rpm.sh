#!/bin/sh
# The lab's rpm. Debian's own warns on every installation that it is not Debian's package manager, unless told otherwise; its other
# modes do not know the word.
force=
case $1 in
    -[iUFe]*) force=--force-debian ;;
    *) for word in "$@"; do
        case $word in --install | --upgrade | --freshen | --erase) force=--force-debian ;; esac
    done ;;
esac
exec /opt/lab/debian/rpm $force "$@"
