"""Certificates whose names come from links: ``variables[].consumes`` (reference §4, §6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from msgspec import structs

from director.manifest.canonical import canonical
from director.manifest.link_content import default_network
from director.manifest.links import Links
from director.manifest.reader import did_you_mean
from director.model.deployment import Deployment, Document, VariableWanted
from director.model.errors import BadRequest, Faults, Place

INVALID_LINK = 190016

_PLACES = ("alternative_name", "common_name")


def with_link_names(deployment: Deployment, links: Links, *, domain: str = "bosh") -> tuple[VariableWanted, ...]:
    """The variables, with the DNS name of the linked group added to the options of those that consume one.

    Raises one `BadRequest` (190016) that lists every link of a variable that cannot be resolved.
    """
    faults = Faults()
    out = tuple(_named(one, deployment, links.providers, domain, faults) for one in deployment.variables)
    faults.settle()
    return out


def _named(
    wanted: VariableWanted, deployment: Deployment, providers: Sequence[Document], domain: str, faults: Faults
) -> VariableWanted:
    options = dict(wanted.options)
    for key in _PLACES:
        found: Any = wanted.consumes.get(key)
        if not isinstance(found, dict):
            continue
        name = _name(wanted, key, cast(Document, found), deployment, providers, domain, faults)
        if name and key == "common_name":
            options[key] = name
        elif name:
            options["alternative_names"] = [*(options.get("alternative_names") or []), name]
    return structs.replace(wanted, options=options) if wanted.consumes else wanted


def _name(
    wanted: VariableWanted,
    key: str,
    source: Document,
    deployment: Deployment,
    providers: Sequence[Document],
    domain: str,
    faults: Faults,
) -> str:
    alias, kind = str(source.get("from") or key), str(source.get("link_type") or "address")
    typed = [one for one in providers if one["type"] == kind and one["consumable"]]
    found = [one for one in typed if one["alias"] == alias]
    if len(found) != 1:
        message = (
            f"Failed to resolve link '{key}' with alias '{alias}' and type '{kind}' from variable '{wanted.name}'."
        )
        message += " Multiple link providers found" if found else " No link providers found"
        place = Place("manifest", 0, f"/variables/name={wanted.name}/consumes/{key}")
        remedy = did_you_mean(alias, [str(one["alias"]) for one in typed])
        faults.add(BadRequest(message, code=INVALID_LINK, place=place, remedy=remedy))
        return ""
    group = next(one for one in deployment.instance_groups if one.name == found[0]["group"])
    properties: Any = source.get("properties")
    head = "*" if isinstance(properties, dict) and properties.get("wildcard") is True else "q-s0"
    labels = (canonical(one) for one in (group.name, default_network(group), deployment.name))
    return ".".join((head, *labels, domain))
