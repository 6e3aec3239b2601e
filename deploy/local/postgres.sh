# shellcheck shell=bash disable=SC2153
# A private PostgreSQL, functions only: postgres_{running,start,stop,kill,remove_stale}, pg_sql and pg_tool.

PG_MAIN="^cluster_name=$MARK\$"
PG_ALL="$PG_MAIN|^postgres: $MARK: " # its children carry the cluster's name in their title
PG_USER=$(user_for postgres)

postgres_ports() { choose_ports "$1" PG_PORT; }
postgres_running() { ! none_with "$PG_MAIN"; }
postgres_answers() { pg_sql -c 'SELECT 1' >/dev/null 2>&1; }

# pg_sql ARGS...: psql as the superuser.
pg_sql() {
    PGPASSWORD=$PG_ADMIN_PASSWORD PGCONNECT_TIMEOUT=2 \
        psql -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$PG_PORT" -U postgres -d "${PG_DATABASE:-postgres}" "$@"
}

# pg_tool PROGRAM ARGS...: another of the server's programs, as the superuser.
pg_tool() {
    local program=$1
    shift
    PGPASSWORD=$PG_ADMIN_PASSWORD "$(postgres_bin)/$program" --host 127.0.0.1 --port "$PG_PORT" --username postgres "$@"
}

# Under another name first: what an interrupted initdb leaves behind is not a database.
postgres_init() {
    local bin=$1 new=$DATA/postgres.new password=$DATA/postgres.password
    rm -rf -- "$new"
    mkdir -m 700 -- "$new"
    (umask 077 && echo "$PG_ADMIN_PASSWORD" >"$password")
    [[ -z $PG_USER ]] || chown "$PG_USER" "$new" "$password"
    (cd -- "$new" && as_user "$PG_USER" "$bin/initdb" -D "$new" -U postgres -A scram-sha-256 \
        --pwfile="$password" -E UTF8 --locale=C.UTF-8) >"$LOG/initdb.log" 2>&1 ||
        { tail -n 20 "$LOG/initdb.log" >&2; die "initdb failed"; }
    echo "include = 'switchboard.conf'" >>"$new/postgresql.conf"
    rm -- "$password"
    mv -- "$new" "$DATA/postgres"
}

postgres_configure() {
    local ssl=off connections=host
    if [[ -n ${TLS_DIR-} ]]; then
        give_certificate "$PG_USER" "$DATA/postgres" # where it looks by itself
        ssl=on connections=hostssl
    fi
    echo "$connections all all 127.0.0.1/32 scram-sha-256" >"$DATA/postgres/switchboard_hba.conf"
    cat >"$DATA/postgres/switchboard.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $PG_PORT
unix_socket_directories = ''
max_connections = 300
shared_buffers = ${SHARED_BUFFERS:-256MB}
max_wal_size = 2GB
fsync = ${FSYNC:-on}
timezone = 'UTC'
ssl = $ssl
hba_file = '$DATA/postgres/switchboard_hba.conf'
CONF
}

# A killed server leaves postmaster.pid, and PostgreSQL believes it as long as that pid exists: as a zombie nobody
# reaps, or as somebody else's process after a reboot. It is safe to remove only when no child is left that still
# writes to the old shared memory.
postgres_clear_lock() {
    wait_until 5 none_with "$PG_ALL" || end_all "$PG_ALL" 1
    rm -f -- "$DATA/postgres/postmaster.pid"
}

postgres_start() {
    local bin
    bin=$(postgres_bin)
    [[ -n $bin ]] || die "PostgreSQL >= 15 is missing: run deploy/local/install"
    [[ -e $DATA/postgres/PG_VERSION ]] || postgres_init "$bin"
    postgres_configure
    postgres_clear_lock
    launch postgres "$DATA/postgres" "$PG_USER" "$bin/postgres" -D "$DATA/postgres" -c "cluster_name=$MARK"
    await_server postgres 60 postgres_answers
}

# INT is PostgreSQL's fast shutdown, QUIT its immediate one. Only the main process is asked, it ends the others.
postgres_stop() {
    end_all "$PG_MAIN" 4 INT QUIT
    end_all "$PG_ALL" 2
    rm -f -- "$STACK/postgres.pid"
}

postgres_kill() { end_all "$PG_ALL" 1; }

# The owner migrates, and that is all it does; everything else runs as a login that may neither alter tables nor, as a superuser would,
# walk past row-level security.
postgres_provision() {
    {
        echo "\\setenv PG_OWNER_PASSWORD $PG_OWNER_PASSWORD"
        echo "\\setenv PG_ALL_PASSWORD $PG_ALL_PASSWORD"
        cat -- "$ROOT/deploy/postgres/roles.sql" "$ROOT/deploy/postgres/logins.sql"
        cat <<'SQL'
SELECT 'CREATE DATABASE switchboard OWNER switchboard'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'switchboard') \gexec
SQL
    } | pg_sql >/dev/null
}
