"""``env`` of create_vm: the manifest's, under it the director's defaults, over it what the director alone knows (agent protocol §5)."""

from __future__ import annotations

import re

from director.model.actions import CreateVm
from director.model.bus_urls import bus_urls
from director.model.deployment import Document
from director.ports.agents import Identity
from director.steps.step import Io


def canonical(name: str) -> str:
    """Lower case, ``_`` becomes ``-``, other characters are dropped."""
    return re.sub(r"[^a-z0-9-]", "", name.lower().replace("_", "-"))


def groups(director: str, deployment: str, group: str) -> list[str]:
    """The names by which clouds group VMs, from wide to narrow."""
    one, two, three = canonical(director), canonical(deployment), canonical(group)
    return [one, two, three, f"{one}-{two}", f"{two}-{three}", f"{one}-{two}-{three}"]


def env(io: Io, action: CreateVm, manifest: Document, identity: Identity) -> Document:
    """``manifest`` is the instance group's env, interpolated. The result holds a private key: it is handed over, never stored."""
    bosh: Document = {**io.site.agent_env, **(manifest.get("bosh") or {})}
    cert = {"ca": identity.ca, "certificate": identity.certificate, "private_key": identity.private_key}
    bosh["mbus"] = {"urls": list(bus_urls(io.site.mbus)), **(bosh.get("mbus") or {}), "cert": cert}
    bosh.setdefault("blobstores", io.blobs.agent_settings())
    if io.site.ntp:
        bosh.setdefault("ntp", list(io.site.ntp))
    names = groups(io.site.name, action.deployment, action.group)
    bosh["group"], bosh["groups"] = names[-1], names
    if action.tags:
        bosh["tags"] = action.tags
    return {**manifest, "bosh": bosh}
