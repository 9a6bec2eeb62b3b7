#!/bin/sh
# NAME COMMAND… in; runs the command in control groups of its own, so that a systemd started by it rules no other's.
set -e
name=$1
shift
for hierarchy in /sys/fs/cgroup/*/; do
    own=$hierarchy$name
    mkdir -p "$own"
    case $hierarchy in
        */cpuset/)
            cat "${hierarchy}cpuset.cpus" > "$own/cpuset.cpus"
            cat "${hierarchy}cpuset.mems" > "$own/cpuset.mems"
            ;;
    esac
    echo $$ > "$own/cgroup.procs"
done
exec "$@"
