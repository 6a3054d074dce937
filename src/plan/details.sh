# Arguments: PostgreSQL's program folder, its port, then paths of files. Asked only where something differs.
bin=$1 port=$2
shift 2
settings() {
    [ -S "/var/run/postgresql/.s.PGSQL.$port" ] || return 1
    setpriv --reuid=postgres --regid=postgres --init-groups "$bin/psql" -X -At -F "$(printf '\037')" -h /var/run/postgresql -p "$port" -d postgres \
        -c 'SELECT name, setting, unit, vartype, context FROM pg_settings' </dev/null
}
section settings settings
for path; do
    section "file:$path" cat "$path"
done
