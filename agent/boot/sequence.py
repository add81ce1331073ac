"""The order of a boot. Every step is repeatable; a VM boots more than once."""

from __future__ import annotations

import logging

from agent.boot import folders, memory
from agent.jobs import dns
from agent.supervise import monit_config
from agent.vm import Vm

log = logging.getLogger(__name__)


def boot(vm: Vm) -> None:
    """Make the VM ready for the agent and for monit. Raises AgentError."""
    settings, platform = vm.settings, vm.platform
    log.info("booting agent %s", settings.agent_id)
    platform.set_host_name(settings.agent_id)
    platform.configure_networks(settings)
    platform.ensure_accounts(settings)
    vm.layout.base.mkdir(parents=True, exist_ok=True)
    vm.disks.prepare_ephemeral()
    memory.make(vm)
    folders.make(vm)
    folders.forget_old_processes(vm)
    if not vm.layout.dns_records.exists():
        dns.write_hosts(vm, {})
    platform.set_time_servers(settings.ntp)
    vm.disks.remount()
    monit_config.write(vm.layout)
    log.info("agent %s is booted", settings.agent_id)
