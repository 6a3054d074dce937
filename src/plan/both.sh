# The cluster is asked at the same time as the host, with what the host remembers of the last time; the answer waits in the pipe.
ask() {
    if { read -r interpreter bin </var/lib/quorate/probing; } 2>/dev/null && [ -x "$interpreter" ]; then
        exec "$interpreter" -I -S -c "$probe" "$bin"
    fi
    echo "Patroni is not known here" >&2
}
if [ -n "$probe" ]; then
    ask | {
        look "$@" </dev/null
        section probe cat
    }
else
    look "$@"
fi
