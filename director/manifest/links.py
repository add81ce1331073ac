"""Links: who provides, who consumes, what each consumer sees (reference §6). Errors of all consumers are told together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from director.manifest.link_content import DnsPolicy, LinkedInstance, consumer_content, provider_content
from director.manifest.link_intents import Consumer, JobPlace, Provider, read_consumers, read_providers
from director.manifest.reader import did_you_mean
from director.model.deployment import Deployment, Document, InstanceGroup, JobWanted
from director.model.errors import BadRequest, Faults
from director.model.placeholders import absolute_placeholders
from director.model.rows import JobRow

__all__ = ["DnsPolicy", "LinkedInstance", "Links", "bind_links", "resolve_links"]

INVALID_LINK = 190016
MISSING_JOB = 140029

Jobs = Mapping[tuple[str, str], JobRow] | Callable[[str, str], JobRow | None]
Bound = dict[tuple[str, str], dict[str, Document]]
Contents = dict[tuple[str, str, str, str], Document]


class Links(Struct, frozen=True):
    """``bound``: (group, job) → link name → content. The rest is what is kept of the deployment: for the links API and, in
    ``providers`` (shared ones with their content), for consumers in other deployments."""

    bound: Bound = field(default_factory=dict)
    providers: tuple[Document, ...] = ()
    consumers: tuple[Document, ...] = ()
    links: tuple[Document, ...] = ()
    warnings: tuple[str, ...] = ()

    def rows(self) -> Document:
        """As kept with the deployment (`DeploymentRow.links`)."""
        return {"providers": list(self.providers), "consumers": list(self.consumers), "links": list(self.links)}


def bind_links(
    deployment: Deployment,
    jobs_of: Jobs,
    instances: Sequence[LinkedInstance],
    others: Mapping[str, Sequence[Document]] | None = None,
    *,
    dns: DnsPolicy | None = None,
    document: str = "manifest",
) -> Bound:
    """The contents alone; see `resolve_links`."""
    return resolve_links(deployment, jobs_of, instances, others, dns=dns, document=document).bound


def resolve_links(
    deployment: Deployment,
    jobs_of: Jobs,
    instances: Sequence[LinkedInstance],
    others: Mapping[str, Sequence[Document]] | None = None,
    *,
    dns: DnsPolicy | None = None,
    document: str = "manifest",
    director: str = "",
) -> Links:
    """Resolve every consumer of the deployment.

    ``jobs_of`` gives the job of a release by (release, job). ``others`` holds the ``providers`` kept of other deployments by
    name. With ``director`` (its name) the placeholders of shared providers are kept absolute, as other deployments need them.
    Raises one `BadRequest` (190016) that lists every link that cannot be resolved.
    """
    faults = Faults()
    warnings: list[str] = []
    providers: list[Provider] = []
    consumers: list[Consumer] = []
    groups = {group.name: group for group in deployment.instance_groups}
    for group in deployment.instance_groups:
        providers += [_disk(deployment.name, group, disk.name) for disk in group.named_disks]
        for wanted in group.jobs:
            where = JobPlace(group, wanted.name, document)
            row = _job(jobs_of, wanted, where, faults)
            if row is not None:
                providers += read_providers(deployment.name, where, wanted, row, faults, warnings)
                consumers += read_consumers(where, wanted, row, faults, warnings)
    mine: dict[str, list[LinkedInstance]] = {}
    for one in instances:
        mine.setdefault(one.group, []).append(one)
    contents: Contents = {}

    def content_of(one: Provider) -> Document:
        if _identity(one) not in contents:
            contents[_identity(one)] = _content(
                one, deployment, groups[one.group], mine.get(one.group, []), dns or DnsPolicy()
            )
        return contents[_identity(one)]

    bound: Bound = {}
    links: list[Document] = []
    for consumer in consumers:
        found = _resolve(consumer, deployment, providers, content_of, others or {}, faults)
        if found is not None:
            content, provider = found
            bound.setdefault((consumer.group, consumer.job), {})[consumer.name] = content
            links.append(_link(consumer, provider))
    _settle(deployment.name, faults)
    kept = tuple(_keep(one, content_of(one) if one.shared else None, director) for one in providers)
    return Links(bound, kept, tuple(map(_consumer, consumers)), tuple(links), tuple(warnings))


def _job(jobs_of: Jobs, wanted: JobWanted, where: JobPlace, faults: Faults) -> JobRow | None:
    row = jobs_of(wanted.release, wanted.name) if callable(jobs_of) else jobs_of.get((wanted.release, wanted.name))
    if row is None:
        message = f"Job '{wanted.name}' not found in release '{wanted.release}'"
        remedy = "Correct the job's name or release."
        if not callable(jobs_of):
            remedy = did_you_mean(wanted.name, [name for release, name in jobs_of if release == wanted.release])
        faults.add(BadRequest(message, code=MISSING_JOB, place=where.at(), remedy=remedy))
    return row


def _disk(deployment: str, group: InstanceGroup, name: str) -> Provider:
    return Provider(deployment, group.name, group.name, name, "disk", name, kind="disk", properties={"name": name})


def _identity(one: Provider) -> tuple[str, str, str, str]:
    return one.kind, one.group, one.job, one.name


def _content(
    provider: Provider,
    deployment: Deployment,
    group: InstanceGroup,
    instances: Sequence[LinkedInstance],
    dns: DnsPolicy,
) -> Document:
    if provider.kind == "disk":
        held: Document = {"deployment_name": deployment.name, "properties": provider.properties}
        return {**held, "networks": [], "instances": [], "group_name": f"{provider.name}-disk"}
    return provider_content(provider, deployment, group, instances, dns)


def _keep(one: Provider, content: Document | None, director: str) -> Document:
    held: Document = msgspec.to_builtins(one)
    if content is None:
        return held
    return {**held, "content": absolute_placeholders(content, director, one.deployment) if director else content}


def _resolve(
    consumer: Consumer,
    deployment: Deployment,
    providers: Sequence[Provider],
    content_of: Callable[[Provider], Document],
    others: Mapping[str, Sequence[Document]],
    faults: Faults,
) -> tuple[Document, Provider | None] | None:
    """Content and provider; None for a blocked or absent optional link, or after a fault."""
    if consumer.blocked:
        return None
    if consumer.manual is not None:
        group_name = f"{consumer.name}-{consumer.type}"
        return {**consumer.manual, "deployment_name": deployment.name, "group_name": group_name}, None
    kept_contents: Contents = {}
    foreign = consumer.deployment if consumer.deployment != deployment.name else ""
    if foreign:
        if foreign not in others:
            message = (
                f"Link '{consumer.wanted}' in job '{consumer.job}' from instance group '{consumer.group}' consumes from"
                f" deployment '{foreign}', but the deployment does not exist."
            )
            faults.add(_fault(consumer, message, did_you_mean(foreign, others)))
            return None
        offered = [(_read_provider(one), one) for one in others[foreign]]
        kept_contents = {_identity(provider): kept.get("content", {}) for provider, kept in offered}
        providers = [provider for provider, _ in offered]
    typed = [
        one
        for one in providers
        if one.type == consumer.type and one.consumable and (one.kind != "disk" or one.group == consumer.group)
    ]
    found = [
        one for one in typed if not consumer.explicit or (one.alias == consumer.wanted and (one.shared or not foreign))
    ]
    if not found and consumer.optional and not consumer.explicit:
        return None
    if len(found) != 1:
        faults.add(_fault(consumer, _unresolved(consumer, found), _remedy(consumer, found, typed, foreign)))
        return None
    content = kept_contents[_identity(found[0])] if foreign else content_of(found[0])
    if consumer.network and consumer.network not in content.get("networks", ()):
        message = _unresolved(consumer, found, consumer.network)
        faults.add(_fault(consumer, message, did_you_mean(consumer.network, content.get("networks", ()))))
        return None
    return consumer_content(content, consumer.network, consumer.ip_addresses), found[0]


def _fault(consumer: Consumer, message: str, remedy: str) -> BadRequest:
    return BadRequest(message, code=INVALID_LINK, place=consumer.place, remedy=remedy)


def _unresolved(consumer: Consumer, found: Sequence[Provider], network: str = "") -> str:
    alias = f"alias '{consumer.wanted}' and " if consumer.wanted != consumer.name else ""
    head = (
        f"Failed to resolve link '{consumer.name}' with {alias}type '{consumer.type}' from job '{consumer.job}' in"
        f" instance group '{consumer.group}'."
    )
    head += " Multiple link providers found:" if len(found) > 1 else " Details below:"
    details = [_detail(one, network) for one in found] or ["No link providers found"]
    return head + "".join(f"\n    - {one}" for one in details)


def _detail(one: Provider, network: str) -> str:
    if one.kind == "disk":
        text = f"Disk link provider '{one.name}' from instance group '{one.group}'"
        return text + (" does not contain any networks" if network else "")
    alias = f"with alias '{one.alias}' " if one.alias != one.name else ""
    text = f"Link provider '{one.name}' {alias}from job '{one.job}' in instance group '{one.group}'"
    text += f" in deployment '{one.deployment}'"
    return text + (f" does not belong to network '{network}'" if network else "")


def _remedy(consumer: Consumer, found: Sequence[Provider], typed: Sequence[Provider], foreign: str) -> str:
    if len(found) > 1:
        names = sorted({one.alias for one in found})
        if len(names) == len(found) and not consumer.explicit:
            return f"Choose one: consumes: {{{consumer.name}: {{from: {names[0]}}}}}."
        return "Give each provider a name of its own with 'provides: {...: {as: ...}}' and choose one with 'from'."
    unshared = [one for one in typed if foreign and one.alias == consumer.wanted and not one.shared]
    if unshared:
        return f"Set 'shared: true' on it in deployment '{foreign}' and deploy that."
    if consumer.explicit and typed:
        return did_you_mean(consumer.wanted, [one.alias for one in typed])
    where = f"deployment '{foreign}'" if foreign else "this deployment"
    return f"Add a job to {where} that provides type '{consumer.type}', or give the link's 'instances' by hand."


def _settle(deployment: str, faults: Faults) -> None:
    if not faults.found:
        return
    message = f"Failed to resolve links from deployment '{deployment}'. See errors below:"
    message += "".join(f"\n  - {one.description}" for one in faults.found)
    first = faults.found[0]
    raise BadRequest(message, code=first.code, status=first.status)


def _read_provider(kept: Document) -> Provider:
    return msgspec.convert({key: value for key, value in kept.items() if key != "content"}, Provider, strict=False)


def _consumer(one: Consumer) -> Document:
    return {
        "group": one.group,
        "job": one.job,
        "name": one.name,
        "type": one.type,
        "optional": one.optional,
    }


def _link(consumer: Consumer, provider: Provider | None) -> Document:
    held: dict[str, Any] = {"name": consumer.name, "group": consumer.group, "job": consumer.job, "provider": None}
    if provider is not None:
        keys = ("deployment", "group", "job", "name", "type")
        held["provider"] = {key: getattr(provider, key) for key in keys}
    return held
