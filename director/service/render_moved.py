"""Rendering of the instances whose inputs moved; a few at a time, so that a thousand contexts are never held at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from director.model.deployment import Document
from director.model.instance import InstanceSpec
from director.model.rows import VariableRow
from director.plan.world import World
from director.ports.templates import Rendered, RenderRequest
from director.service.aside import aside
from director.service.house import House
from director.service.rendering import Archive, Rendering, apply_rendering, pack_all, refuse
from director.service.wanted import JobContext

CHUNK = 64
"""Instances."""


async def render_moved(
    house: House,
    deployment: str,
    specs: Sequence[tuple[InstanceSpec, list[JobContext]]],
    world: World,
    pins: dict[str, str],
    made: Sequence[VariableRow],
) -> tuple[list[InstanceSpec], list[Archive]]:
    """Specs with their renderings: kept where every job's inputs are as applied, rendered anew otherwise."""
    applied = {one.id: one.applied for one in world.instances}
    result: dict[str, InstanceSpec] = {}
    open_: list[tuple[InstanceSpec, list[JobContext]]] = []
    for number, (spec, contexts) in enumerate(specs):
        if number % CHUNK == CHUNK - 1:
            await asyncio.sleep(0)
        before = applied.get(spec.id)
        if (
            before is not None
            and before.templates_blob
            and _inputs(before) == _inputs(spec)
            and await house.blobs.exists(before.templates_blob)
        ):
            result[spec.id] = msgspec.structs.replace(
                spec,
                configuration_hash=before.configuration_hash,
                templates_blob=before.templates_blob,
                templates_digest=before.templates_digest,
                template_hashes=before.template_hashes,
            )
        else:
            open_.append((spec, contexts))
    renderings = await _render(house, open_, _Filled(house, deployment, pins, made))
    for spec, _ in open_:
        result[spec.id] = apply_rendering(spec, renderings[spec.id])
    return [result[spec.id] for spec, _ in specs], [one.archive for one in renderings.values()]


async def _render(
    house: House, wanted: Sequence[tuple[InstanceSpec, list[JobContext]]], filled: _Filled
) -> dict[str, Rendering]:
    """Renderings by instance id. All errors of all instances are told in one report, worded as the contract says."""
    found: dict[str, Rendering] = {}
    faults: list[tuple[str, Rendered]] = []
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        requests = [await filled.request(spec, one) for spec, contexts in chunk for one in contexts]
        answers = iter(await house.templates.render(requests))
        results = [(spec, [next(answers) for _ in contexts]) for spec, contexts in chunk]
        faults += [(spec.group, one) for spec, rendered in results for one in rendered if one.errors]
        if not faults:
            found |= await aside(len(wanted), pack_all, [(spec.id, rendered) for spec, rendered in results])
    refuse(faults)
    return found


class _Filled:
    """Contexts with the values of their variables. What all instances of a group share, their properties and links, is filled in once."""

    def __init__(self, house: House, deployment: str, pins: dict[str, str], made: Sequence[VariableRow]) -> None:
        self._house = house
        self._deployment = deployment
        self._pins = pins
        self._made = made
        self._shared: dict[tuple[int, int], tuple[Document, Document]] = {}  # by identity; the second is as filled

    async def request(self, spec: InstanceSpec, job: JobContext) -> RenderRequest:
        """For one job of an instance."""
        own = {name: value for name, value in job.context.items() if name not in _SHARED}
        return RenderRequest(
            instance=spec.id,
            group=spec.group,
            job=job.spec.name,
            archive=await self._house.blobs.path(job.row.blob_id),
            spec=job.row.spec,
            context={**await self._fill(own), **await self._of_group(job.context)},
        )

    async def _of_group(self, context: Document) -> Document:
        key = id(context["properties"]), id(context["links"])
        if key not in self._shared:
            held = {name: context[name] for name in _SHARED}  # kept, so that no other object gets these identities
            self._shared[key] = held, await self._fill(held)
        return self._shared[key][1]

    async def _fill(self, value: Document) -> Any:
        return await self._house.secrets.interpolate(value, self._deployment, self._pins, extra=self._made)


_SHARED = ("properties", "links")


def _inputs(spec: InstanceSpec) -> list[tuple[str, str]]:
    return sorted((job.name, job.inputs) for job in spec.jobs)
