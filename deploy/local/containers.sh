# shellcheck shell=bash
# Where containers of this checkout live, functions only. Images and caches are kept in .local/containers, apart from everybody else's.
CONTAINERS=$ROOT/.local/containers

# runc and cgroupfs, because they need neither systemd nor the newest cgroups; limits that a process without privileges may set.
containers_configure() {
    mkdir -p -- "$CONTAINERS/tmp"
    printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$CONTAINERS" "$CONTAINERS" >"$CONTAINERS/storage.conf"
    cat >"$CONTAINERS/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    export CONTAINERS_STORAGE_CONF=$CONTAINERS/storage.conf CONTAINERS_CONF=$CONTAINERS/containers.conf TMPDIR=$CONTAINERS/tmp
}
