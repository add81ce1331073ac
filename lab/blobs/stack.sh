#!/bin/sh
# Run on the finished root tree ($1), before it is packed; writes the package list to $2.
set -eu
root=$1
packages=$2

dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${binary:Package} ${Version} ${Architecture}\n' >"$packages"

chroot "$root" groupadd --gid 2000 vcap
chroot "$root" useradd --uid 2000 --gid vcap --home-dir /home/vcap --create-home --shell /bin/bash vcap
install -d -m 0755 -o 2000 -g 2000 "$root/home/vcap/app"

# What can never be used by an application: services, the package manager's books, programs that change the owner.
rm -rf "$root"/etc/systemd "$root"/lib/systemd "$root"/etc/init.d "$root"/etc/rc?.d "$root"/etc/cron.* "$root"/etc/nginx/sites-*
rm -rf "$root"/var/log/apt "$root"/var/log/*.log "$root"/var/cache/* "$root"/var/lib/apt/* "$root"/usr/share/doc/*/changelog*
find "$root" -xdev -perm /6000 -type f -exec chmod ug-s {} +
: >"$root/etc/machine-id"
: >"$root/etc/fstab"
: >"$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
echo app >"$root/etc/hostname"
