# shellcheck shell=bash disable=SC2153
# A private RabbitMQ with its own epmd, functions only: rabbitmq_{running,start,stop,kill,ctl}.

RABBITMQ_MARK=$MARK-rabbitmq
RABBITMQ_MAIN="^$RABBITMQ_MARK\$"
# A member of another stack's cluster uses that one's epmd.
EPMD_MARK=${JOINED:-$MARK}-epmd
EPMD_MAIN="^$EPMD_MARK\$"
RABBITMQ_USER=$(user_for rabbitmq)
RABBITMQ_DIR=$DATA/rabbitmq

rabbitmq_ports() {
    choose_ports "$1" AMQP_PORT MANAGEMENT_PORT PROMETHEUS_PORT DIST_PORT
    [[ -n ${JOINED-} ]] || choose_ports "$1" EPMD_PORT
}
rabbitmq_running() { ! none_with "$RABBITMQ_MAIN"; }

# The broker answers the protocol header with a method frame, and its management API says that no alarm is on.
rabbitmq_answers() { amqp_answers && management_answers; }

amqp_answers() (
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$AMQP_PORT" || return 1
    [[ -z ${TLS_DIR-} ]] || return 0 # behind TLS it says nothing that bash could read
    printf 'AMQP\0\0\11\1' >&3
    IFS= read -r -N 1 -t 2 frame <&3 && [[ $frame == $'\x01' ]]
)

management_answers() (
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$MANAGEMENT_PORT" || return 1
    printf 'GET /api/health/checks/local-alarms HTTP/1.0\r\nAuthorization: Basic %s\r\n\r\n' \
        "$(printf guest:guest | base64)" >&3
    read -r -t 2 _ status _ <&3 && [[ $status == 200 ]]
)

# management METHOD PATH BODY: asks the broker's management API, and fails unless it agrees.
management() (
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$MANAGEMENT_PORT" || return 1
    printf '%s %s HTTP/1.0\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
        "$1" "$2" "$(printf guest:guest | base64)" "${#3}" "$3" >&3
    read -r -t 5 _ status _ <&3 && [[ $status == 2?? ]]
)

# Who runs every role and gives commands beside them; only guest, as whom `migrate` comes, declares anything.
rabbitmq_provision() {
    local write='^(fetch|normalize|resolve|events|amq[.]default)$' read='^((fetch|normalize)[.](live|backfill)|resolve|.+[.]dead)$'
    management PUT /api/users/switchboard-all "{\"password\":\"$AMQP_ALL_PASSWORD\",\"tags\":\"\"}" &&
        management PUT /api/permissions/%2f/switchboard-all "{\"configure\":\"^$\",\"write\":\"$write\",\"read\":\"$read\"}" ||
        die "RabbitMQ does not make the user switchboard-all"
}

rabbitmq_listener() {
    if [[ -z ${TLS_DIR-} ]]; then
        echo "listeners.tcp.1 = 127.0.0.1:$AMQP_PORT"
        return
    fi
    cat <<CONF
listeners.tcp = none
listeners.ssl.1 = 127.0.0.1:$AMQP_PORT
ssl_options.certfile = $RABBITMQ_DIR/server.crt
ssl_options.keyfile = $RABBITMQ_DIR/server.key
ssl_options.verify = verify_none
CONF
}

# Read when it starts with an empty directory; who may join says the cookie.
rabbitmq_membership() {
    [[ -n ${JOINED-} ]] || return 0
    cat <<CONF
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = $JOINED@localhost
CONF
}

rabbitmq_configure() {
    mkdir -p -- "$RABBITMQ_DIR/home"
    [[ -z ${TLS_DIR-} ]] || give_certificate "$RABBITMQ_USER" "$RABBITMQ_DIR"
    chmod 700 -- "$RABBITMQ_DIR"
    echo '[rabbitmq_management,rabbitmq_prometheus].' >"$RABBITMQ_DIR/enabled_plugins"
    cat >"$RABBITMQ_DIR/rabbitmq.conf" <<CONF
$(rabbitmq_listener)
management.tcp.ip = 127.0.0.1
management.tcp.port = $MANAGEMENT_PORT
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $PROMETHEUS_PORT
disk_free_limit.absolute = 200MB
log.console = true
log.console.use_colors = off
log.file = false
$(rabbitmq_membership)
CONF
    [[ -z $RABBITMQ_USER ]] || chown -R "$RABBITMQ_USER" "$RABBITMQ_DIR"
}

# The node is called @localhost because the data carry its name and a host's own name changes.
rabbitmq_environment() {
    RABBITMQ_ENVIRONMENT=(
        HOME="$RABBITMQ_DIR/home"
        ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$EPMD_PORT"
        RABBITMQ_CONF_ENV_FILE=/dev/null
        RABBITMQ_NODENAME="$MARK@localhost"
        RABBITMQ_MNESIA_BASE="$RABBITMQ_DIR/mnesia"
        RABBITMQ_LOG_BASE="$RABBITMQ_DIR/log"
        RABBITMQ_CONFIG_FILE="$RABBITMQ_DIR/rabbitmq"
        RABBITMQ_ADVANCED_CONFIG_FILE="$RABBITMQ_DIR/advanced"
        RABBITMQ_ENABLED_PLUGINS_FILE="$RABBITMQ_DIR/enabled_plugins"
        RABBITMQ_FEATURE_FLAGS_FILE="$RABBITMQ_DIR/feature_flags"
        RABBITMQ_PID_FILE="$RABBITMQ_DIR/pid"
        RABBITMQ_GENERATED_CONFIG_DIR="$RABBITMQ_DIR/config"
        RABBITMQ_SCHEMA_DIR="$RABBITMQ_DIR/schema"
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$AMQP_PORT" RABBITMQ_DIST_PORT="$DIST_PORT"
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -switchboard $RABBITMQ_MARK"
        RABBITMQ_CTL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
        RUNNING_UNDER_SYSTEMD=true # the script becomes the broker, so that its pid is the broker's
    )
}

epmd_answers() { port_answers "$EPMD_PORT" && alive "$LAUNCHED"; }

# The first node would otherwise start one for the whole machine, on all interfaces, and leave it behind.
epmd_start() {
    none_with "$EPMD_MAIN" || return 0
    # shellcheck disable=SC2016
    launch epmd / "$RABBITMQ_USER" bash -c 'exec -a "$0" epmd -address 127.0.0.1 -port "$1"' "$EPMD_MARK" "$EPMD_PORT"
    await_server epmd 10 epmd_answers
}

rabbitmq_start() {
    local bin
    bin=$(rabbitmq_bin)
    [[ -n $bin ]] || die "RabbitMQ >= 3.10 is missing: run deploy/local/install"
    rabbitmq_configure
    rabbitmq_environment
    epmd_start || return 1
    launch rabbitmq "$RABBITMQ_DIR" "$RABBITMQ_USER" "${RABBITMQ_ENVIRONMENT[@]}" "$bin/rabbitmq-server"
    await_server rabbitmq 120 rabbitmq_answers
}

# Its graceful stop takes seven seconds; what it has confirmed is on disk long before.
rabbitmq_stop() {
    end_all "$RABBITMQ_MAIN" 2 TERM
    [[ -n ${JOINED-} ]] || end_all "$EPMD_MAIN" 1
    rm -f -- "$STACK/rabbitmq.pid" "$STACK/epmd.pid"
}

rabbitmq_kill() { end_all "$RABBITMQ_MAIN" 1; }

rabbitmq_ctl() {
    rabbitmq_environment
    (cd / && as_user "$RABBITMQ_USER" env "${RABBITMQ_ENVIRONMENT[@]}" "$(rabbitmq_bin)/rabbitmqctl" -n "$MARK@localhost" "$@")
}
