"""A random case: one deed of a story, disturbed, and its end compared with that of the undisturbed run. It follows from its number."""

from __future__ import annotations

import json
import random
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from director.model.plan import Step
from director.model.rows import Task
from tests.recovery import invariants
from tests.recovery.disturb import Disturbance, Trouble, random_disturbances
from tests.recovery.life import Life
from tests.recovery.realm import Photo, Realm
from tests.recovery.stories import Deed, Story, random_story
from tests.recovery.trial import Seen, Stage
from tests.recovery.virtual import run

PER_STORY = 8
"""Cases of one story: they share its undisturbed run."""


class Case(Struct, frozen=True, omit_defaults=True):
    """``deed`` of the story is disturbed, the ones before it are not. ``second``: another director is there from the start; ``rest``: how
    many seconds pass until a killed one is started anew. ``pace`` seeds how long calls take. ``finishes``: calls of clouds that were
    under way when a director died go on to their end."""

    story: Story
    deed: int
    disturbances: tuple[Disturbance, ...]
    second: bool = False
    rest: float = 0
    pace: int = 0
    finishes: bool = False

    @property
    def may_fail(self) -> bool:
        """Whether the task may end otherwise than well."""
        return any(one.may_fail for one in self.disturbances)


@dataclass
class Model:
    """An undisturbed run: what the realm was before each deed and after the last, and how each looked."""

    photos: list[Photo]
    pictures: list[str]
    gists: list[list[Seen]]
    points: list[int]
    wrongs: list[str]


def fresh(directory: Path) -> Stage:
    return Stage(Realm(directory))


async def model_of(story: Story, directory: Path) -> Model:
    """All its deeds, undisturbed."""
    stage = fresh(directory)
    await stage.realm.furnish()
    stage.pace(0)
    model = Model([], [], [], [], [])
    points = 0

    async def count(life: Life, point: str, step: Step) -> None:
        nonlocal points
        points += 1

    for number, deed in enumerate(story.deeds, 1):
        model.photos.append(stage.realm.photo())
        points = 0
        task = await stage.do(deed, probed=count)
        if task.state != "done":
            output, _ = await stage.realm.store.read_output(task.id, "debug")
            model.wrongs.append(
                f"undisturbed, deed {number} ended as {task.state}: {task.result}\n{output.decode()[-2000:]}"
            )
            break
        if deed.kind != "scan":  # which finds what is wrong, and leaves it so
            model.wrongs += await stage.wrongs(number)
        model.pictures.append(await stage.picture())
        model.gists.append(await stage.gist())
        model.points.append(points)
    return model


def case_of(seed: int, models: Models) -> Case:
    """The case of this number."""
    story = random_story(seed // PER_STORY)
    dice = random.Random(f"case {seed}")
    deed = dice.randrange(len(story.deeds))
    model = models.of(story)
    points = model.points[deed] if deed < len(model.points) else 1
    second = dice.random() < 0.5
    rest = dice.choice((0.0, 0.0, 3.0, 50.0))
    troubles, pace = random_disturbances(dice, points), dice.randrange(1 << 30)
    return Case(story, deed, troubles, second, rest, pace, finishes=seed % 3 == 0)


class Models:
    """Undisturbed runs, the last few kept."""

    def __init__(self, directory: Path, keep: int = 4) -> None:
        self.directory = directory
        self._keep = keep
        self._known: OrderedDict[Story, Model] = OrderedDict()

    @classmethod
    def known(cls, directory: Path, story: Story, model: Model) -> Models:
        """With this one, which was made elsewhere."""
        models = cls(directory)
        models._known[story] = model
        return models

    def of(self, story: Story) -> Model:
        if story not in self._known:
            self._known[story] = run(model_of(story, self.directory))
            if len(self._known) > self._keep:
                self._known.popitem(last=False)
        return self._known[story]


def wrongs_of(case: Case, models: Models) -> list[str]:
    """What goes wrong in it; nothing, one hopes."""
    model = models.of(case.story)
    return model.wrongs or run(run_case(case, model, models.directory))


async def run_case(case: Case, model: Model, directory: Path) -> list[str]:
    """What goes wrong in it, its story's model being right."""
    stage = fresh(directory)
    stage.realm.put_back(model.photos[case.deed])
    stage.pace(case.pace)
    deed = case.story.deeds[case.deed]
    trouble = Trouble(stage.realm, stage.watcher, list(case.disturbances))
    stage.watcher.quorum = not case.may_fail
    task = await stage.do(deed, trouble, second=case.second, rest=case.rest, finishes=case.finishes)
    if stage.watcher.wrongs:
        return stage.watcher.wrongs
    if task.state == "done":
        return await _as_the_model(stage, case, model, task.id)
    if not case.may_fail:
        return [f"the task ended as {task.state}: {task.result}"]
    return await _mended(stage, case, model, task)


async def _as_the_model(stage: Stage, case: Case, model: Model, since: int) -> list[str]:
    found = await stage.wrongs(since)
    lenient = any(
        one.kind in ("vanish", "silence", "sick") or one.what == "cloud set_vm_metadata" for one in case.disturbances
    )
    if lenient and case.story.deeds[case.deed].kind != "delete":
        # what happened to a VM after its turn is no business of this task; before it, there is a new one now
        return await _mended(stage, case, model, None)
    if found:
        return found
    # an orphaned VM that vanished stays listed until it is cleaned up; it alone has no counterpart
    lost = await stage.lost_orphans()
    return difference(
        invariants.without_vms(await stage.picture(), lost), invariants.without_vms(model.pictures[case.deed], lost)
    )


def told(case: Case) -> str:
    """As JSON, to be replayed."""
    return msgspec.json.encode(case).decode()


def _anywhere(gist: list[Seen]) -> list[Seen]:
    """Without indexes and AZs."""
    return sorted(((one[0], 0, "", one[3], {**one[4], "zone": 0}, *one[5:]) for one in gist), key=repr)


def difference(real: str, wanted: str) -> list[str]:
    if real == wanted:
        return []
    lines = [json.dumps(json.loads(one), indent=1).splitlines() for one in (real, wanted)]
    pairs = zip(*lines, strict=False)
    first = next(((a, b) for a, b in pairs if a != b), ("longer", "shorter"))
    return [f"the end state differs from the undisturbed one: {first[0].strip()} in place of {first[1].strip()}"]


async def _mended(stage: Stage, case: Case, model: Model, failed: Task | None) -> list[str]:
    """Whatever was left behind, the next tries end right, and then there is nothing more to do."""
    stage.realm.heal()
    stage.watcher.quorum = False
    deed = case.story.deeds[case.deed]
    told = [f"{failed.state}: {failed.result}"] if failed else []
    for _ in range(3):
        task = await stage.do(deed, again=True)
        if stage.watcher.wrongs:
            return stage.watcher.wrongs
        if task.state == "done":
            break
        told.append(f"{task.state}: {task.result}")
    else:
        return [f"the next deploys do not mend it: {'; '.join(told)}"]
    found = await stage.wrongs(task.id)
    if found:
        return [*found, *told]
    if deed.kind == "delete":
        return []
    # a disk held its instance in its AZ; the deploy after the one that took it away may spread the group anew
    loose = any(group.azs > 1 and not group.disk for group in deed.manifest.groups)
    gist, wanted = await stage.gist(), model.gists[case.deed]
    if loose:
        gist, wanted = _anywhere(gist), _anywhere(wanted)
    if gist != wanted:
        return [f"mended, but it is {gist} in place of {wanted}", *told]
    if loose:
        await stage.do(Deed("deploy", deed.manifest))
    before = stage.realm.calls()
    task = await stage.do(Deed("deploy", deed.manifest))
    if stage.realm.calls() != before or task.state != "done":
        return [f"mended, but the next deploy is not for nothing: {task.state} {task.result}", *told]
    return []
