# shellcheck shell=bash
# Shared by the commands in this directory; sourced, never run.
#
# A stack is one directory (default: .local in the checkout) with one PostgreSQL and one RabbitMQ.
# Every server carries MARK, a name made from that directory, as one whole argument of its command line:
# that is how it is found again and told from everybody else's, without trusting an old pid file.
set -euo pipefail
export LC_ALL=C

TOOLS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
ROOT=$(cd -- "$TOOLS/../.." && pwd -P)
STATE_KEYS=(MODE FSYNC SHARED_BUFFERS TLS_DIR PG_PORT PG_ADMIN_PASSWORD PG_OWNER_PASSWORD PG_ALL_PASSWORD AMQP_ALL_PASSWORD
    AMQP_PORT MANAGEMENT_PORT PROMETHEUS_PORT DIST_PORT EPMD_PORT LISTEN_PORT SIMULATOR_PORT SCRAPER_PORT JOINED)

# shellcheck source=find.sh
. "$TOOLS/find.sh"

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# open_stack [DIR]: fixes the names that depend on the directory and loads what an earlier run saved.
open_stack() {
    local dir=${1:-${SWITCHBOARD_STACK:-$ROOT/.local}}
    mkdir -p -- "$dir" || die "cannot create $dir"
    STACK=$(cd -- "$dir" && pwd -P)
    MARK=switchboard-$(printf %s "$STACK" | sha256sum | cut -c1-12)
    LOG=$STACK/log
    DATA=$(readlink -m -- "$STACK/data")
    mkdir -p -- "$LOG"
    # shellcheck source=/dev/null
    [[ ! -e $STACK/state ]] || . "$STACK/state"
    # shellcheck source=postgres.sh
    . "$TOOLS/postgres.sh"
    # shellcheck source=rabbitmq.sh
    . "$TOOLS/rabbitmq.sh"
    # shellcheck source=compose.sh
    [[ ${MODE-} != compose ]] || . "$TOOLS/compose.sh"
}

# Docker stands in only where the servers are not installed.
docker_answers() { docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

# lock_stack ARGS...: starts the calling script again, once, as the only one that changes this stack.
# --close keeps the servers from inheriting (and so holding) the lock.
lock_stack() {
    [[ ${STACK_LOCKED-} != "$STACK" ]] || return 0
    STACK_LOCKED=$STACK exec flock --close --timeout 180 "$STACK/lock" "$0" "$@"
}

save_state() {
    local key
    (
        umask 077
        for key in "${STATE_KEYS[@]}"; do printf '%s=%q\n' "$key" "${!key-}"; done >"$STACK/state.new"
    )
    mv -- "$STACK/state.new" "$STACK/state"
}

random_hex() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below 32768, where Linux takes the ports of outgoing connections from.
free_port() {
    local port
    while port=$(shuf -i 20000-32000 -n 1); do
        port_answers "$port" || { echo "$port"; return; }
    done
}

# choose_ports fresh|keep KEY...: keeps the ports of the last time unless told otherwise or taken by somebody.
choose_ports() {
    local how=$1 key
    shift
    for key in "$@"; do
        if [[ $how == fresh || -z ${!key-} ]] || port_answers "${!key}"; then
            printf -v "$key" %s "$(free_port)"
        fi
    done
}

# pids_with REGEX: processes with an argument that matches. A zombie has no arguments, so the dead never
# match; nor does this grep, as long as REGEX begins with ^.
pids_with() { grep -lszE -- "$1" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3 || true; }

# signal_all SIGNAL REGEX
signal_all() {
    local pids
    mapfile -t pids < <(pids_with "$2")
    [[ ${#pids[@]} -eq 0 ]] || kill "-$1" "${pids[@]}" 2>/dev/null || true
}

none_with() { [[ -z $(pids_with "$1") ]]; }
alive() { [[ -e /proc/$1 ]] && ! grep -qs '^State:[[:space:]]*[ZX]' "/proc/$1/status"; }

# wait_until SECONDS COMMAND...: polls; false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [[ $SECONDS -lt $deadline ]] || return 1
        sleep 0.1
    done
}

# end_all REGEX SECONDS SIGNAL...: asks with each signal, waits SECONDS after each, then kills.
end_all() {
    local regex=$1 seconds=$2 signal
    shift 2
    for signal in "$@"; do
        signal_all "$signal" "$regex"
        wait_until "$seconds" none_with "$regex" && return
    done
    signal_all KILL "$regex"
    wait_until 10 none_with "$regex" || die "cannot end process $(pids_with "$regex" | xargs): it belongs to another user"
}

# user_for NAME: who runs a server when root starts it (PostgreSQL refuses root); nobody else can become another user.
user_for() {
    [[ $EUID -eq 0 ]] || return 0
    if id -u "$1" >/dev/null 2>&1; then echo "$1"; else echo nobody; fi
}

# as_user USER COMMAND...: setpriv, not su, because it keeps the arguments and the pid.
as_user() {
    local user=$1
    shift
    if [[ -n $user ]]; then
        set -- setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"
    fi
    exec "$@"
}

# give_certificate USER DIR: copies certificate and key from TLS_DIR so that only the server's user can read them.
give_certificate() {
    install --mode=600 ${1:+"--owner=$1"} -- "$TLS_DIR/server.crt" "$TLS_DIR/server.key" "$2"
}

# launch NAME DIR USER COMMAND...: starts a server in DIR and sets LAUNCHED. Its own session keeps Ctrl-C away from
# it, the empty environment keeps the caller's PG* and RABBITMQ_* settings out.
launch() {
    local name=$1 dir=$2 user=$3
    shift 3
    [[ ! -e $LOG/$name.log ]] || mv -- "$LOG/$name.log" "$LOG/$name.log.1"
    (cd -- "$dir" && as_user "$user" setsid env -i PATH="$PATH" LC_ALL=C.UTF-8 "$@") \
        </dev/null >"$LOG/$name.log" 2>&1 &
    LAUNCHED=$!
    disown "$LAUNCHED" # or bash reports its end, which is ours to report
    echo "$LAUNCHED" >"$STACK/$name.pid"
}

answered_or_dead() { "$1" || ! alive "$LAUNCHED"; }

# await_server NAME SECONDS READY: the server just launched answers, or its log is shown.
await_server() {
    local name=$1 seconds=$2 ready=$3
    wait_until "$seconds" answered_or_dead "$ready" || true
    "$ready" && return
    say "$name did not come up in $seconds s or died; the end of $LOG/$name.log:"
    tail -n 20 -- "$LOG/$name.log" | cut -c1-300 >&2
    return 1
}
