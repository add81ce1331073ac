"""The content of a link: what ``link("x")`` sees in a template."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from director.manifest.canonical import canonical
from director.manifest.link_intents import Provider
from director.model.deployment import Deployment, Document, InstanceGroup


class LinkedInstance(Struct, frozen=True):
    """An instance as links tell of it. ``addresses`` by network, empty where not known yet; ``dynamic`` names dynamic networks."""

    group: str
    id: str
    index: int
    az: str
    bootstrap: bool
    addresses: dict[str, str]
    default_network: str = ""
    dynamic: tuple[str, ...] = ()


DnsName = Callable[[LinkedInstance, str, Provider], str]


class DnsPolicy(Struct, frozen=True):
    """The director's ``local_dns`` and domain. ``name`` gives an instance's name on a network; None for the long form."""

    domain: str = "bosh"
    enabled: bool = False
    use_dns_addresses: bool = False
    name: DnsName | None = None


def provider_content(
    provider: Provider,
    deployment: Deployment,
    group: InstanceGroup,
    instances: Sequence[LinkedInstance],
    dns: DnsPolicy,
) -> Document:
    """All that a consumer may choose from: each instance has addresses by network, as IP and as DNS name."""
    features = deployment.features
    use_dns = bool(features.get("use_dns_addresses", dns.use_dns_addresses))
    default = default_network(group)
    return {
        "deployment_name": deployment.name,
        "domain": dns.domain,
        "default_network": default,
        "networks": [one.name for one in group.networks],
        "instance_group": group.name,
        "group_name": f"{provider.name}-{provider.type}",
        "properties": provider.properties,
        "use_short_dns_addresses": bool(features.get("use_short_dns_addresses", False)),
        "use_dns_addresses": use_dns,
        "use_link_dns_names": bool(features.get("use_link_dns_names", False)),
        "instances": [
            _instance(one, provider, group, dns) for one in sorted(instances, key=lambda each: (each.index, each.id))
        ],
    }


def consumer_content(content: Document, network: str, ip_addresses: bool | None) -> Document:
    """The content with one address per instance, chosen by network and form; the network is known to be there."""
    chosen = network or str(content.get("default_network", ""))
    as_names = bool(content.get("use_dns_addresses")) if ip_addresses is None else not ip_addresses
    out = {**content, "default_network": chosen} if "default_network" in content else dict(content)
    instances: list[Document] = []
    for one in content.get("instances") or ():
        held: Document = dict(one)
        names, addresses = held.pop("dns_addresses", {}), held.pop("addresses", {})
        address = (names if as_names else addresses).get(chosen)
        instances.append({**held, "address": address if address is not None else held.get("address")})
    return {**out, "instances": instances}


def default_network(group: InstanceGroup) -> str:
    """The network that decides the address: addressable, else gateway."""
    for key in ("addressable", "gateway"):
        for one in group.networks:
            if key in one.default:
                return one.name
    return group.networks[0].name if group.networks else ""


def long_name(instance: LinkedInstance, network: str, deployment: str, domain: str) -> str:
    """``<uuid>.<group>.<network>.<deployment>.<domain>`` (reference §11)."""
    labels = (instance.id, instance.group, network, deployment)
    return ".".join((*(canonical(one) for one in labels), domain))


def _instance(instance: LinkedInstance, provider: Provider, group: InstanceGroup, dns: DnsPolicy) -> Document:
    addresses: dict[str, str] = {}
    names: dict[str, str] = {}
    for network in group.networks:
        ip = instance.addresses.get(network.name, "")
        name = (
            dns.name(instance, network.name, provider)
            if dns.name
            else long_name(instance, network.name, provider.deployment, dns.domain)
        )
        # The address on a dynamic network is not known before the VM is; its name is.
        plain = network.name not in instance.dynamic and bool(ip)
        addresses[network.name] = ip if plain else name
        names[network.name] = ip if plain and not dns.enabled else name
    default = instance.default_network or default_network(group)
    return {
        "name": instance.group,
        "id": instance.id,
        "index": instance.index,
        "bootstrap": instance.bootstrap,
        "az": instance.az or None,
        "address": (names if dns.use_dns_addresses else addresses).get(default),
        "addresses": addresses,
        "dns_addresses": names,
    }
