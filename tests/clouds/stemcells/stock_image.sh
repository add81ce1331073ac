#!/bin/sh
# Run on the unpacked packages ($1) of a cloud image: what Debian's own images have done to theirs; the package list goes to $2.
set -eu
root=$1
dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${binary:Package} ${Version} ${Architecture}\n' >"$2"
: >"$root/etc/machine-id"
rm -f "$root"/etc/ssh/ssh_host_*
echo localhost >"$root/etc/hostname"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
# under the names that the boot loader of the builder knows
mv "$root"/boot/vmlinuz-* "$root/boot/vmlinuz"
rm -f "$root"/boot/initrd* "$root"/boot/System.map* "$root/vmlinuz" "$root/initrd.img"
# as vendors of images write down what fits their cloud: here, what takes an emulated processor long
printf 'ssh_genkeytypes: [ed25519]\nlocale: false\n' >"$root/etc/cloud/cloud.cfg.d/05_emulated.cfg"
