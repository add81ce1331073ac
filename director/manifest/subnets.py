"""One subnet: range, gateway, DNS servers, reserved and static addresses."""

from __future__ import annotations

from ipaddress import ip_address

from msgspec import Struct

from director.manifest.addresses import Cidr, Span, meet, read_cidr, read_span, within
from director.manifest.reader import INVALID_TYPE, Node, shown
from director.model.cloud_config import Subnet

BAD_RANGE = 160002
BAD_GATEWAY = 160003
BAD_DNS = 160004
BAD_RESERVED = 160005
BAD_STATIC = 160006
INVALID_PROPERTY = 160008
BAD_ADDRESS = 160010
PREFIX_TOO_BIG = 16013


class NetworkRules(Struct, frozen=True):
    """What the director's own configuration decides; ``director_ips`` are never given to VMs."""

    ignore_missing_gateway: bool = False
    managed: bool = False
    director_ips: tuple[str, ...] = ()


def read_manual_subnet(node: Node, network: str, azs: tuple[str, ...], *, managed: bool, rules: NetworkRules) -> Subnet:
    """The director's own addresses inside the range join ``reserved``."""
    name = node.text("name", required=managed) or ""
    cidr = _range(node, required=not managed)
    gateway = node.text("gateway", required=not (managed or rules.ignore_missing_gateway)) or ""
    dns = read_dns(node, network)
    properties = node.hash("cloud_properties")
    prefix = node.integer("prefix", required=False)
    node.integer("netmask_bits", required=False)
    if cidr is None:
        return Subnet(azs=azs, dns=dns, cloud_properties=properties, name=name)
    if gateway:
        _check_gateway(node, network, gateway, cidr)
    reserved = _reserved(node, network, cidr)
    own = [span for span in map(read_span, rules.director_ips) if within(span, cidr)]
    static = _static(node, network, cidr, gateway, reserved + own)
    if prefix is not None and prefix < cidr.prefixlen:
        message = f"Prefix size '{prefix}' is larger than range prefix '{cidr.prefixlen}'"
        node.fault(
            message, f"Use a number from {cidr.prefixlen} to {cidr.max_prefixlen}.", code=PREFIX_TOO_BIG, at="prefix"
        )
    return Subnet(
        azs=azs,
        range=str(cidr),
        gateway=gateway,
        dns=dns,
        reserved=tuple((str(a), str(b)) for a, b in reserved + own),
        static=tuple((str(a), str(b)) for a, b in static),
        cloud_properties=properties,
        name=name,
        prefix=prefix or cidr.max_prefixlen,
    )


def read_dns(node: Node, network: str) -> tuple[str, ...]:
    """DNS servers, single addresses."""
    out: list[str] = []
    for text, place in node.texts("dns"):
        try:
            out.append(str(ip_address(text)))
        except ValueError:
            message = f"Invalid DNS for network '{network}': must be a single IP, found '{text}'"
            place.fault(message, "Write one address per list item.", code=BAD_DNS)
    return tuple(out)


def read_vip_static(node: Node, network: str) -> tuple[tuple[str, str], ...]:
    """Static addresses of a vip subnet."""
    return tuple((str(first), str(last)) for (first, last), _ in _spans(node, "static", network))


def _range(node: Node, *, required: bool) -> Cidr | None:
    text = node.text("range", required=required)
    if text is None:
        return None
    try:
        cidr = read_cidr(text)
    except ValueError as error:
        message = f"Invalid network range '{text}': {error}"
        node.fault(message, "Write a CIDR such as 10.0.0.0/24.", code=BAD_ADDRESS, at="range")
        return None
    if cidr.num_addresses < 2:
        message = f"Invalid network range '{text}', should include at least 2 IPs"
        node.fault(message, "Use a shorter prefix.", code=BAD_RANGE, at="range")
        return None
    return cidr


def _check_gateway(node: Node, network: str, text: str, cidr: Cidr) -> None:
    try:
        gateway = ip_address(text)
    except ValueError:
        reason = "must be a single IP"
    else:
        if gateway not in cidr:
            reason = "must be inside the range"
        elif gateway == cidr[0]:
            reason = "can't be the network id"
        elif gateway == cidr[-1]:
            reason = "can't be the broadcast IP"
        else:
            return
    message = f"Invalid gateway for network '{network}': {reason}"
    node.fault(message, f"'{text}' must be one usable address of {cidr}.", code=BAD_GATEWAY, at="gateway")


def _spans(node: Node, key: str, network: str) -> list[tuple[Span, Node]]:
    held = node.value.get(key)
    if held is None:
        return []
    places = node.members(key) if isinstance(held, list) else [node.child(key)]
    out: list[tuple[Span, Node]] = []
    for place in places:
        if not isinstance(place.value, str):
            message = f"Property '{key}' holds {shown(place.value)} where an address is required"
            place.fault(message, "Write an address, a range 'a - b' or a CIDR.", code=INVALID_TYPE)
            continue
        try:
            out.append((read_span(place.value), place))
        except ValueError as error:
            message = f"Invalid IP or range '{place.value}' in '{key}' of network '{network}': {error}"
            place.fault(message, "Write an address, a range 'a - b' or a CIDR.", code=BAD_ADDRESS)
    return out


def _reserved(node: Node, network: str, cidr: Cidr) -> list[Span]:
    out: list[Span] = []
    for span, place in _spans(node, "reserved", network):
        if within(span, cidr):
            out.append(span)
        else:
            message = f"Reserved IP '{place.value}' is out of network '{network}' range"
            place.fault(message, f"Stay inside {cidr}.", code=BAD_RESERVED)
    return out


def _static(node: Node, network: str, cidr: Cidr, gateway: str, taken: list[Span]) -> list[Span]:
    barred = [*taken, (cidr[0], cidr[0]), (cidr[-1], cidr[-1])]
    try:
        if gateway:
            barred.append(read_span(gateway))
    except ValueError:
        pass
    out: list[Span] = []
    for span, place in _spans(node, "static", network):
        if not within(span, cidr):
            message = f"Static IP '{place.value}' is out of network '{network}' range"
            place.fault(message, f"Stay inside {cidr}.", code=BAD_STATIC)
            continue
        hit = next((one for one in barred if meet(span, one)), None)
        if hit:
            message = f"Static IP '{place.value}' is in network '{network}' reserved range"
            here = str(hit[0]) if hit[0] == hit[1] else f"{hit[0]} - {hit[1]}"
            remedy = f"{here} is reserved, the gateway, the first or last address, or the director's own; leave it out."
            place.fault(message, remedy, code=BAD_STATIC)
        out.append(span)
    return out
