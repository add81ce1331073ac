#!/bin/sh
# Run after the recipe's own script, for a tree that becomes a bootable disk: $1 is the root tree.
set -eu
root=$1

# One kernel, under names that the boot loader knows; the builder makes the initial file system.
mv "$root"/boot/vmlinuz-* "$root/boot/vmlinuz"
rm -f "$root"/boot/initrd* "$root"/boot/System.map* "$root/vmlinuz" "$root/initrd.img" "$root"/vmlinuz.old "$root"/initrd.img.old
