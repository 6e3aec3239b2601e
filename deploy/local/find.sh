# shellcheck shell=bash
# Where the servers' programs are, functions only; nothing is printed when they are missing or too old.

# postgres_bin: the directory of the newest server that is new enough.
postgres_bin() {
    local bin version
    for bin in ${SWITCHBOARD_PG_BIN:+"$SWITCHBOARD_PG_BIN"} \
        $(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -rV) \
        "$(dirname -- "$(command -v postgres || echo /nowhere/postgres)")"; do
        version=$("$bin/postgres" --version 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/') || continue
        [[ ${version:-0} -ge 15 && -x $bin/initdb ]] || continue
        echo "$bin"
        return
    done
}

# rabbitmq_bin: the directory of the newest server's own scripts, when it is new enough. The commands
# in /usr/sbin insist on the system's user and directories.
rabbitmq_bin() {
    local home
    home=$(find /usr/lib/rabbitmq/lib -maxdepth 1 -name 'rabbitmq_server-*' 2>/dev/null | sort -V | tail -n 1)
    [[ -x $home/sbin/rabbitmq-server ]] || return 0
    [[ $(printf '3.10\n%s\n' "${home##*-}" | sort -V | head -n 1) != 3.10 ]] || echo "$home/sbin"
}
