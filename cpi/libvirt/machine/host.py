"""What libvirt's host can do for a machine: how it is accelerated, which processors it knows."""

from __future__ import annotations

from xml.etree import ElementTree

from cpi.contract import Call, CloudError
from cpi.libvirt.config import KVM, Config, is_remote
from cpi.libvirt.connection import connect
from cpi.libvirt.machine import acceleration

GENERAL = ("host-passthrough", "host-model", "maximum")


def arch_of(config: Config) -> str:
    """The host's own processor architecture, as libvirt writes it: machines have the same."""
    return str(connect(config.uri).getInfo()[0])


def kind_of(config: Config, call: Call) -> str:
    """The domain's type: kvm where it is usable, else qemu, whose processor is emulated. KVM asked for and not usable is refused.

    libvirt lists kvm wherever /dev/kvm exists; only on this very host more can be known than that.
    """
    if is_remote(config.uri):
        reason = None if "kvm" in _listed_kinds(config) else "libvirt there does not list it"
    else:
        reason = acceleration.unusable()
    if reason is None:
        return "kvm"
    if config.virt_type == KVM:
        raise CloudError(
            f"virt_type kvm: KVM cannot be used at {config.uri}: {reason}; virt_type qemu runs without it, more slowly"
        )
    call.log(f"KVM cannot be used at {config.uri}: {reason}; the processor is emulated (TCG)")
    return "qemu"


def check_cpu_model(config: Config, model: str, kind: str) -> None:
    """CloudError for a model that this libvirt does not know."""
    if not model or model in GENERAL:
        if model.startswith("host-") and kind != "kvm":
            raise CloudError(
                f"property 'cpu_model' {model!r} needs KVM, which cannot be used here; leave it out or name a model"
            )
        return
    known = connect(config.uri).getCPUModelNames(arch_of(config), 0)
    if isinstance(known, list) and model not in known:
        raise CloudError(
            f"property 'cpu_model': libvirt at {config.uri} knows no {model!r}; known are {', '.join(sorted(known))}, {', '.join(GENERAL)}"
        )


def _listed_kinds(config: Config) -> set[str]:
    capabilities = ElementTree.fromstring(connect(config.uri).getCapabilities())  # noqa: S314 - libvirt's own answer
    return {domain.get("type", "") for domain in capabilities.findall("./guest/arch/domain")}
