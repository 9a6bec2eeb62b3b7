#!/bin/sh
# DIRECTORY NAME in; becomes pid 1 of that host. Runs in fresh mount, pid, uts, ipc and time namespaces inside the host's network.
set -e
directory=$1
hostname "$2"
cd "$directory"
mount -t overlay overlay -o "lowerdir=/,upperdir=$directory/changes,workdir=$directory/work" root
cd root
for entry in *; do
    case $entry in
        bin | boot | dev | etc | lib* | opt | proc | run | sbin | srv | sys | tmp | usr | var) ;;
        *) [ -L "$entry" ] || [ ! -d "$entry" ] || mount -t tmpfs -o mode=755,size=16m tmpfs "$entry" ;; # whatever else this machine has is its own
    esac
done
if [ -n "$HOME_DISK" ]; then
    mount -o loop,errors=remount-ro "$HOME_DISK" home
else
    mount --bind "$directory/home" home
fi
[ -z "$HOME_SIZE" ] || mount -t tmpfs -o "mode=755,size=$HOME_SIZE" tmpfs home
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=1777 tmpfs var/tmp
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t proc proc proc
mount --bind "$directory/boot_id" proc/sys/kernel/random/boot_id
[ -z "$HOME_SIZE" ] || cp -a "$directory/home/." home/
mkdir -p run/sshd run/lock
mkdir old
pivot_root . old
umount -l /old
rmdir /old
cd /
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -e -f /dev/null -h /etc/ssh/ssh_host_ed25519_key \
    -o PidFile=none -o UsePAM=no -o UseDNS=no -o MaxStartups=100:30:200 -o MaxSessions=100 -o PrintMotd=no -o PasswordAuthentication=no \
    -o PermitRootLogin=no -o 'Subsystem=sftp internal-sftp' &
[ -z "$CRON" ] || env -i PATH=/usr/bin:/bin /usr/sbin/cron -f &
# Pid 1 collects orphans as an init does: the shell reaps every child while it waits for one that never ends.
while :; do
    sleep 1000000 &
    wait $!
done
