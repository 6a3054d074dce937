# Arguments, pairs: `boolean NAME` to be on for good, `path PATH` to get the label that the host's policy has for its place.
# A folder is labelled with all that is below it, but for data: that is its daemon's, and much.
umask 022
while [ $# -ge 2 ]; do
    case $1 in
    boolean) [ "$(getsebool "$2")" = "$2 --> on" ] || setsebool -P "$2" on || exit 1 ;;
    path)
        case $2 in
        /opt/quorate/*) restorecon -R "$2" || exit 1 ;;
        *) [ ! -e "$2" ] && [ ! -L "$2" ] || restorecon "$2" || exit 1 ;;
        esac
        ;;
    esac
    shift 2
done
