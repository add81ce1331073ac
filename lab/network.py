"""The lab's libvirt network: an isolated bridge, addresses fixed by the director, no DHCP and no DNS of libvirt's own."""

from __future__ import annotations

import ipaddress

import libvirt

from lab.record import LabRecord


def xml(record: LabRecord) -> str:
    """Network XML (libvirt formatnetwork). No <forward>: the namespace has no way out, so there is nothing to forward to."""
    netmask = ipaddress.ip_network(record.cidr).netmask
    return (
        f"<network><name>{record.network}</name>"
        f"<bridge name='{record.bridge}' stp='off' delay='0'/><dns enable='no'/>"
        f"<ip address='{record.address}' netmask='{netmask}'/></network>"
    )


def start(record: LabRecord) -> None:
    """Define and start the network unless it runs already."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(record.libvirt_uri)
    try:
        running = {network.name() for network in connection.listAllNetworks() if network.isActive()}
        if record.network not in running:
            network = connection.networkDefineXML(xml(record))
            network.setAutostart(1)
            network.create()
    finally:
        connection.close()


def domains(record: LabRecord) -> list[str]:
    """Names of the running domains."""
    connection = libvirt.openReadOnly(record.libvirt_uri)
    try:
        return sorted(domain.name() for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))
    finally:
        connection.close()
