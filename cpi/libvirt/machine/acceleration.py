"""Whether KVM really runs guests here: asked of the kernel, not of libvirt, which lists it wherever /dev/kvm exists."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
from pathlib import Path

GET_API_VERSION = 0xAE00
API_VERSION = 12
"""The only one since Linux 2.6.22 (kernel: virt/kvm/api)."""
HARDWARE = ("kvm_intel", "kvm_amd")


def unusable(device: Path = Path("/dev/kvm"), modules: Path = Path("/sys/module")) -> str | None:
    """Why KVM cannot be used on this host; None where it can."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        kind = "is missing" if error.errno == errno.ENOENT else f"cannot be opened ({error.strerror})"
        return f"{device} {kind}"
    try:
        version = fcntl.ioctl(descriptor, GET_API_VERSION)
    except OSError as error:
        return f"{device} does not answer KVM_GET_API_VERSION ({error.strerror})"
    finally:
        os.close(descriptor)
    if version != API_VERSION:
        return f"{device} speaks version {version} of KVM's interface, not {API_VERSION}"
    if platform.machine() == "x86_64" and not any((modules / name).is_dir() for name in HARDWARE):
        # Without them a software hypervisor (kvm_pvm) stands behind the device, which runs kernels made for it alone.
        others = ", ".join(sorted(path.name for path in modules.glob("kvm_*"))) or "none"
        return f"{device} is not backed by the processor: neither {' nor '.join(HARDWARE)} is loaded, but {others}"
    return None
