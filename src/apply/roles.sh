# Arguments: PostgreSQL's program folder, its port. Standard input: the SQL. A replica has nothing to do.
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
replica=$(as_postgres "$1/psql" -X -At -h /var/run/postgresql -p "$2" -d postgres -c 'SELECT pg_is_in_recovery()' </dev/null) || exit 1
[ "$replica" = f ] || exit 0
as_postgres "$1/psql" -X -q -v ON_ERROR_STOP=1 -h /var/run/postgresql -p "$2" -d postgres -f -
