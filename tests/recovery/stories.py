"""Stories: what operators ask for, one thing after the other. Each follows from its number."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tests.recovery.shop import NAME, VERSIONS, Manifest, Shape


class Deed(Struct, frozen=True):
    """One task. ``kind``: deploy, change, delete, fix, scan, resolve. A change has ``state`` and ``group``, ``instance`` an index or empty for
    all; before it the VM of number ``lost`` vanishes, if there is one. Resolve makes anew what the scan before it missed."""

    kind: str
    manifest: Manifest
    recreate: bool = False
    state: str = ""
    group: str = ""
    instance: str = ""
    lost: int = -1

    @property
    def widths(self) -> dict[str, int]:
        """How many of each group may be in change at once."""
        return {group.name: group.width for group in self.manifest.groups}

    def request(self, *, again: bool = False) -> tuple[str, dict[str, Any]]:
        """The task's type and request; ``again``: after it failed, with silence taken for death."""
        if self.kind == "delete":
            return "delete_deployment", {"deployment": NAME, "force": again}
        if self.kind == "scan":
            return "cck_scan", {"deployment": NAME}
        if self.kind == "resolve" and not again:
            return "cck_apply", {"deployment": NAME, "resolutions": {"1": "recreate_vm"}}
        if self.kind == "fix" and not again:
            everybody = {group.name: ["*"] for group in self.manifest.groups}
            return "cck_scan_and_fix", {"deployment": NAME, "instances": everybody}
        more: dict[str, Any] = {"fix": again, "recreate": self.recreate}
        if self.kind == "change":
            more["change"] = {"group": self.group, "state": self.state, "instance": self.instance}
        return "update_deployment", {"deployment": NAME, "manifest": self.manifest.text, **more}


class Story(Struct, frozen=True):
    """Deeds from the first deploy on."""

    deeds: tuple[Deed, ...]


DISKS = (0, 64, 128)
COUNTS: tuple[int | str, ...] = (1, 1, 2, "50%", "100%")


def random_story(number: int) -> Story:
    """A first deploy and two more deeds."""
    dice = random.Random(f"story {number}")
    manifest = Manifest(tuple(_shape(dice, name) for name in "pq"[: dice.choice((1, 1, 2))]))
    deeds = [Deed("deploy", manifest)]
    for _ in range(2):
        deeds.append(_next(dice, deeds[-1]))
        if deeds[-1].kind == "delete":
            break
    return Story(tuple(deeds))


def _shape(dice: random.Random, name: str) -> Shape:
    instances = dice.choice((1, 2, 2, 3, 4))
    return Shape(
        name,
        instances=instances,
        azs=dice.choice((1, 1, 2)),
        job=dice.choice(("web", "web", "db")),
        disk=dice.choice(DISKS),
        canaries=dice.choice((0, 1, 1, 2)),
        max_in_flight=dice.choice(COUNTS),
        serial=dice.random() < 0.6,
        swap=dice.random() < 0.25,
    )


def _next(dice: random.Random, before: Deed) -> Deed:
    manifest = before.manifest
    kind = dice.choice(("deploy",) * 7 + ("recreate", "change", "change", "fix", "delete"))
    if kind == "delete":
        return Deed("delete", manifest)
    if kind == "recreate":
        return Deed("deploy", manifest, recreate=True)
    if kind == "fix":
        return Deed("fix", manifest, lost=dice.randrange(8))
    if kind == "change":
        group = dice.choice(manifest.groups)
        state = dice.choice(("stopped", "detached", "started", "restart", "recreate"))
        return Deed("change", manifest, state=state, group=group.name)
    for _ in range(dice.choice((1, 1, 2))):
        manifest = _changed(dice, manifest)
    return Deed("deploy", manifest)


def _changed(dice: random.Random, manifest: Manifest) -> Manifest:
    what = dice.choice(("text", "text", "scale", "scale", "disk", "vm", "stemcell", "release", "tags", "group", "azs"))
    if what == "stemcell":
        return replace(manifest, stemcell=VERSIONS[manifest.stemcell == "1"])
    if what == "release":
        return replace(manifest, release=VERSIONS[manifest.release == "1"])
    if what == "tags":
        return replace(manifest, tags=manifest.tags + 1)
    if what == "group":
        return _groups(dice, manifest)
    index = dice.randrange(len(manifest.groups))
    group = manifest.groups[index]
    match what:
        case "text":
            group = replace(group, text=group.text + 1)
        case "scale":
            group = replace(group, instances=dice.choice([n for n in (1, 2, 3, 4, 5) if n != group.instances]))
        case "disk":
            group = replace(group, disk=dice.choice([size for size in DISKS if size != group.disk]))
        case "vm":
            group = replace(group, vm_type="large" if group.vm_type == "small" else "small")
        case _:
            group = replace(group, azs=3 - group.azs)
    return replace(manifest, groups=(*manifest.groups[:index], group, *manifest.groups[index + 1 :]))


def _groups(dice: random.Random, manifest: Manifest) -> Manifest:
    """Another group comes, or one goes."""
    if len(manifest.groups) > 1 and dice.random() < 0.5:
        gone = dice.randrange(len(manifest.groups))
        return replace(manifest, groups=tuple(one for n, one in enumerate(manifest.groups) if n != gone))
    free = next(name for name in "pqrstu" if name not in {group.name for group in manifest.groups})
    return replace(manifest, groups=(*manifest.groups, _shape(dice, free)))


def told(value: Any) -> str:
    """As one line, without what has its default."""
    return msgspec.json.encode(value).decode()
