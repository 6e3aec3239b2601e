# shellcheck shell=bash disable=SC2153
# The same functions over Docker, for machines where the servers cannot be installed: sourced last, replaces them.

compose() {
    PG_PORT=$PG_PORT PG_ADMIN_PASSWORD=$PG_ADMIN_PASSWORD FSYNC=${FSYNC:-on} \
        AMQP_PORT=$AMQP_PORT MANAGEMENT_PORT=$MANAGEMENT_PORT PROMETHEUS_PORT=$PROMETHEUS_PORT \
        docker compose --project-name "$MARK" --file "$ROOT/deploy/compose.yaml" "$@"
}

compose_running() { [[ -n $(compose ps --quiet --status running "$1" 2>/dev/null) ]]; }

# compose_start SERVICE: with the container's own health check, then what the caller checks.
compose_start() {
    compose up --detach --wait "$1" >"$LOG/$1.log" 2>&1 || { tail -n 20 "$LOG/$1.log" >&2; return 1; }
}

postgres_running() { compose_running postgres; }
postgres_start() { compose_start postgres; }
postgres_stop() { compose stop --timeout 10 postgres; }
postgres_kill() { compose kill --signal KILL postgres; }
pg_sql() {
    compose exec -T postgres psql -XAtq -v ON_ERROR_STOP=1 -U postgres -d "${PG_DATABASE:-postgres}" "$@"
}
pg_tool() {
    local program=$1
    shift
    compose exec -T postgres "$program" --username postgres "$@"
}

rabbitmq_running() { compose_running rabbitmq; }
rabbitmq_start() { compose_start rabbitmq && wait_until 30 rabbitmq_answers; }
rabbitmq_stop() { compose stop --timeout 10 rabbitmq; }
rabbitmq_kill() { compose kill --signal KILL rabbitmq; }
rabbitmq_ctl() { compose exec -T rabbitmq rabbitmqctl "$@"; }
