"""A bootable disk out of a root tree: partitions, file system, boot loader for BIOS and UEFI. No mount, no running VM.

sector 0   GRUB's first stage and the partition table (MBR, which both firmwares read)
sector 1   GRUB's core image for BIOS
1 MiB      EFI system partition with GRUB as its default loader
8 MiB      the root, to the end of the disk, so that it can grow
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from stemcells import initramfs
from stemcells.initramfs import ROOT_LABEL
from stemcells.recipe import Machine, RecipeError

MIB = 1024 * 1024
ESP_START, ROOT_START = 1, 8
TABLE = f"label: dos\nstart={ESP_START}MiB, size={ROOT_START - ESP_START}MiB, type=ef\nstart={ROOT_START}MiB, type=83, bootable\n"
BOOT_CODE = 440
"""Bytes of sector 0 before the disk's signature and the table."""
LOADER = f"""search.fs_label {ROOT_LABEL} root
linux /boot/vmlinuz root=LABEL={ROOT_LABEL} rw console=tty0 console=ttyS0 net.ifnames=0 quiet
initrd /boot/initrd
boot
"""
MODULES = ["part_msdos", "ext2", "search_label", "linux", "boot"]
GRUB = Path("/usr/lib/grub")
PROGRAMS = {
    "sfdisk": "fdisk", "mke2fs": "e2fsprogs", "grub-mkimage": "grub-common", "mformat": "mtools", "qemu-img": "qemu-utils",
}  # fmt: skip
"""Program -> its Debian package."""


def make(root: Path, machine: Machine, compression: int, out: Path) -> None:
    """Write the disk of the tree in folder `root` to `out` (qcow2), by way of a sparse raw file beside it. RecipeError tells what is missing."""
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            raise RecipeError(f"{program} is not installed (Debian: {package}); run bin/setup --clouds")
    (root / "boot/initrd").write_bytes(initramfs.make(root, machine.modules, compression))
    raw = out.with_name(f"{out.name}.raw")
    with raw.open("wb") as file:
        file.truncate(machine.size * MIB)
    _run(["sfdisk", "--quiet", str(raw)], TABLE)
    _file_system(root, machine, raw)
    _boot_by_bios(out.parent, raw)
    _boot_by_uefi(out.parent, raw)
    _run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(out)])
    raw.unlink()


def _file_system(root: Path, machine: Machine, raw: Path) -> None:
    blocks = (machine.size - ROOT_START) * MIB // 4096
    options = f"offset={ROOT_START * MIB},lazy_itable_init=1,lazy_journal_init=1"
    # GRUB 2.06 reads no file system that has these two.
    features = "^metadata_csum_seed,^orphan_file"
    _run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", ROOT_LABEL, "-O", features, "-E", options,
          "-d", str(root), str(raw), str(blocks)])  # fmt: skip


def _boot_by_bios(work: Path, raw: Path) -> None:
    core = _core(work, "i386-pc", ["biosdisk", *MODULES])
    if len(core) > ESP_START * MIB - 512:
        raise RecipeError(f"GRUB's core image has {len(core)} bytes; there is less than {ESP_START} MiB for it")
    with raw.open("r+b") as file:
        file.write((GRUB / "i386-pc/boot.img").read_bytes()[:BOOT_CODE])
        file.seek(512)
        file.write(core)


def _boot_by_uefi(work: Path, raw: Path) -> None:
    loader = work / "BOOTX64.EFI"
    loader.write_bytes(_core(work, "x86_64-efi", MODULES))
    place = f"{raw}@@{ESP_START}M"
    _run(
        [
            "mformat",
            "-i",
            place,
            "-v",
            "EFI",
            "-T",
            str((ROOT_START - ESP_START) * MIB // 512),
            "-h",
            "16",
            "-s",
            "32",
            "::",
        ]
    )
    _run(["mmd", "-i", place, "::/EFI", "::/EFI/BOOT"])
    _run(["mcopy", "-i", place, str(loader), "::/EFI/BOOT/BOOTX64.EFI"])


def _core(work: Path, form: str, modules: list[str]) -> bytes:
    if not (GRUB / form).is_dir():
        package = {"i386-pc": "grub-pc-bin"}.get(form, "grub-efi-amd64-bin")
        raise RecipeError(f"{GRUB / form} is missing (Debian: {package}); run bin/setup --clouds")
    (work / "loader.cfg").write_text(LOADER)
    made = work / f"core.{form}"
    _run(["grub-mkimage", "-O", form, "-p", "/boot/grub", "-c", str(work / "loader.cfg"), "-o", str(made), *modules])
    return made.read_bytes()


def _run(command: list[str], text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RecipeError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
