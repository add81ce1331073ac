#!/bin/sh
# Run by the builder on a tree that stands for a distribution's cloud image ($1): it is left as its packages made it. Package list: $2.
set -eu
dpkg-query --admindir="$1/var/lib/dpkg" -W -f '${binary:Package} ${Version} ${Architecture}\n' >"$2"
: >"$1/etc/fstab"
: >"$1/etc/machine-id"
rm -f "$1"/etc/ssh/ssh_host_*
