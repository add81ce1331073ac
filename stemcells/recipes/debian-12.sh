#!/bin/sh
# Run by the builder on the finished root tree ($1), before it is packed; writes the package list to $2.
set -eu
root=$1
packages=$2

dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${binary:Package} ${Version} ${Architecture}\n' >"$packages"

# Groups and user as the agent's protocol has them: members of bosh_sshers may log in, members of bosh_sudoers become root.
for group in admin bosh_sudoers bosh_sshers; do chroot "$root" groupadd --system "$group"; done
chroot "$root" groupadd --gid 1000 vcap
chroot "$root" useradd --uid 1000 --gid vcap --groups admin,adm,bosh_sudoers,bosh_sshers --create-home --shell /bin/bash vcap

# Each VM makes its own identity.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
: >"$root/etc/fstab"
echo bosh-stemcell >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"

# Units come from the recipe: Debian's sysv script of monit and what its installation enabled make room.
rm -f "$root/etc/init.d/monit" "$root"/etc/rc?.d/*monit "$root/etc/systemd/system/multi-user.target.wants/monit.service"
rm -f "$root"/lib/systemd/system/monit.service "$root/etc/monit/monitrc"

install -d -m 0755 "$root/var/vcap" "$root/var/vcap/bosh" "$root/var/vcap/bosh/bin" "$root/var/vcap/monit" "$root/var/vcap/seed"
install -d -m 0700 "$root/var/vcap/bosh/etc" "$root/var/vcap/monit/job" "$root/var/vcap/bosh/log"
install -d -m 0755 "$root/var/vcap/data" "$root/var/vcap/store" "$root/var/vcap/bosh_ssh"

rm -rf "$root"/var/log/apt "$root"/var/log/*.log "$root"/var/cache/debconf/*-old "$root"/var/lib/apt/lists/*
rm -rf "$root"/usr/share/python3/runtime.d/*.pyc
