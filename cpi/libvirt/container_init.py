"""The first process of a container: own cgroups, the device nodes that nested runtimes need, then systemd."""

from __future__ import annotations

PLACE = "usr/lib/meristem/container-init"
"""Where it stands in the container's root."""

SCRIPT = r"""#!/bin/sh
# Run twice: first in the host's cgroup namespace (joins groups of its own), then in the container's (mounts them).
PATH=/usr/sbin:/usr/bin:/sbin:/bin
top=/sys/fs/cgroup

say() { echo "container-init: $*" >/dev/console 2>/dev/null; }

options_of() { case $1 in name=*) echo "none,$1" ;; *) echo "$1" ;; esac; }

# A group below the root: pids and devices because libvirt makes none or a narrow one, systemd's tree because libvirt
# has none. Memory, cpu and the rest stay in libvirt's group, whose limits so become the container's root.
join() {
    mkdir -p $top/tmp
    if [ "$1" = "" ]; then mount -t cgroup2 cgroup2 $top/tmp; else mount -t cgroup -o "$(options_of "$1")" cgroup $top/tmp; fi ||
        { say "cannot mount hierarchy '$1'"; return; }
    mkdir -p "$top/tmp/$2" && echo $$ >"$top/tmp/$2/cgroup.procs" || say "cannot join $2 of hierarchy '$1'"
    umount -l $top/tmp
}

if [ "$1" != inside ]; then
    lines=$(cat /proc/self/cgroup)
    umount -R -l $top 2>/dev/null
    mount -t tmpfs -o mode=755 cgroup $top
    if [ "$MERISTEM_CGROUPS" = v2 ]; then
        join "" "$(echo "$lines" | sed -n 's/^0:://p')/guest"
    else
        for name in $(echo "$lines" | cut -d: -f2 | sed 's/^$/unified/'); do
            case $name in
            unified) join "" "$MERISTEM_GROUP" ;;
            pids | devices | name=systemd) join "$name" "$MERISTEM_GROUP" ;;
            esac
        done
    fi
    umount -l $top
    mknod /dev/loop-control c 10 237 2>/dev/null
    number=0
    while [ $number -lt 64 ]; do
        mknod -m 660 /dev/loop$number b 7 $number 2>/dev/null
        number=$((number + 1))
    done
    [ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229
    mkdir -p /dev/net
    [ -e /dev/net/tun ] || mknod -m 666 /dev/net/tun c 10 200
    exec unshare -C /bin/sh "$0" inside
fi

umount /proc/meminfo 2>/dev/null
if [ "$MERISTEM_CGROUPS" = v2 ]; then
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 $top
else
    mount -t tmpfs -o mode=755,nosuid,nodev,noexec cgroup $top
    for name in $(cut -d: -f2 /proc/self/cgroup); do
        folder=$top/${name#name=}
        mkdir -p "$folder"
        mount -t cgroup -o "nosuid,nodev,noexec,$(options_of "$name")" cgroup "$folder" || say "cannot mount $name"
        case $name in *,*) for alias in $(echo "$name" | tr , ' '); do ln -s "$name" "$top/$alias"; done ;; esac
    done
fi
unset MERISTEM_CGROUPS MERISTEM_GROUP
exec /sbin/init
"""
