#!/bin/sh
# DIRECTORY NAME in; becomes the systemd of that host. Runs in fresh mount, pid, uts, ipc, time and cgroup namespaces inside the host's network.
# LOWER is the root that lies below the host's own files: this machine's, or a bare one.
set -e
directory=$1
hostname "$2"
cd "$directory"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$directory/changes,workdir=$directory/work" root
cd root
[ "$LOWER" != / ] || for entry in *; do
    case $entry in
        bin | boot | dev | etc | lib* | opt | proc | run | sbin | srv | sys | tmp | usr | var) ;;
        *) [ -L "$entry" ] || [ ! -d "$entry" ] || mount -t tmpfs -o mode=755,size=16m tmpfs "$entry" ;; # whatever else this machine has is its own
    esac
done
mount --bind "$directory/home" home
mount -t proc proc proc
# Settings of the kernel are this machine's, except those of the host's own network.
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,ro,bind proc/sys
mount --bind "$directory/boot_id" proc/sys/kernel/random/boot_id
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
for hierarchy in $(cd /sys/fs/cgroup && ls -d */); do
    hierarchy=${hierarchy%/}
    mkdir "sys/fs/cgroup/$hierarchy"
    case $hierarchy in
        unified) mount -t cgroup2 cgroup2 sys/fs/cgroup/unified ;;
        systemd) mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd ;;
        *) mount -t cgroup -o "$hierarchy" cgroup "sys/fs/cgroup/$hierarchy" ;;
    esac
done
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
exec env -i container=shipway PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
