"""System calls that a container may not make: what reaches the kernel's inside, other processes' inside, or new namespaces.

Processes there have no capability, so most of these would fail anyway; this keeps the code behind them out of reach.
"""

from __future__ import annotations

from typing import Any

EPERM = 1
ENOSYS = 38
NEW_NAMESPACES = 0x7E020080
"""All CLONE_NEW* flags of clone(2) that it takes."""

KERNEL = (
    "acct bpf create_module delete_module finit_module get_kernel_syms init_module ioperm iopl kexec_file_load kexec_load lookup_dcookie"
    " nfsservctl perf_event_open query_module quotactl quotactl_fd reboot swapoff swapon syslog sysfs _sysctl uselib ustat vm86 vm86old"
)
MOUNTS = (
    "chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount name_to_handle_at open_by_handle_at open_tree pivot_root umount"
    " umount2 setns unshare"
)
PROCESSES = (
    "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace userfaultfd move_pages migrate_pages"
)
KEYS_AND_CLOCKS = "add_key keyctl request_key clock_adjtime clock_settime settimeofday stime adjtimex vhangup"
QUEUES = "io_uring_enter io_uring_register io_uring_setup fanotify_init"


def profile() -> dict[str, Any]:
    """The profile as the OCI runtime wants it."""
    refused = " ".join((KERNEL, MOUNTS, PROCESSES, KEYS_AND_CLOCKS, QUEUES)).split()
    any_flag = [
        {"index": 0, "value": 1 << bit, "valueTwo": 1 << bit, "op": "SCMP_CMP_MASKED_EQ"}
        for bit in range(32)
        if NEW_NAMESPACES >> bit & 1
    ]
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
        "syscalls": [
            {"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM},
            # its flags lie in memory, where no filter sees them; the C library then takes clone
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
            *({"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM, "args": [flag]} for flag in any_flag),
        ],
    }
