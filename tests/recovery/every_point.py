"""Each moment of a scenario at which a director can die, tried once: what the world is at that moment is photographed in an undisturbed run,
and from each photograph another director goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from director.model.plan import Step
from tests.recovery.case import Model, difference, fresh, model_of
from tests.recovery.life import Life
from tests.recovery.realm import Photo
from tests.recovery.scenarios import Scenario
from tests.recovery.trial import Stage


@dataclass
class Deaths:
    """``points``: how many journal points the undisturbed run passed, each photographed; ``moments``: likewise its dealings with the store."""

    points: int = 0
    moments: int = 0
    wrongs: list[str] = field(default_factory=list[str])


@dataclass
class _Death:
    name: str
    photo: Photo


async def die_everywhere(scenario: Scenario, directory: Path, *, store: bool = False, most: int = 3) -> Deaths:
    """At every journal point, and with ``store`` before and after every dealing with the store; ends after ``most`` wrongs."""
    model = await model_of(scenario.story, directory)
    result = Deaths(wrongs=list(model.wrongs))
    if result.wrongs:
        return result
    for one in await _photographs(scenario, model, directory, result, store=store):
        found = await _go_on(scenario, one, model, directory)
        result.wrongs += [f"killed {one.name}: {text}" for text in found]
        if len(result.wrongs) >= most:
            break
    return result


async def _photographs(
    scenario: Scenario, model: Model, directory: Path, result: Deaths, *, store: bool
) -> list[_Death]:
    stage = fresh(directory)
    stage.realm.put_back(model.photos[scenario.deed])
    stage.pace(0)
    found: list[_Death] = []

    async def point(life: Life, at: str, step: Step) -> None:
        result.points += 1
        found.append(_Death(f"at {step.id} {at}", stage.realm.photo()))

    def moment(life: Life) -> None:
        result.moments += 1
        if store and life.realm.store.content.sequences["task"] >= scenario.deed + 1:
            found.append(_Death(f"at its dealing {result.moments} with the store", stage.realm.photo()))

    await stage.do(scenario.story.deeds[scenario.deed], probed=point, fate=moment)
    return [one for one in found if _has_task(one.photo, scenario.deed + 1)]


def _has_task(photo: Photo, number: int) -> bool:
    """Before the task is there, nobody can lose it."""
    return any(f"{number:012d}" in table for kind, table in photo.content.rows.items() if kind.TABLE == "tasks")


async def _go_on(scenario: Scenario, death: _Death, model: Model, directory: Path) -> list[str]:
    stage = fresh(directory)
    stage.realm.put_back(death.photo)
    stage.realm.lives = 1  # the dead one's name is taken
    stage.pace(1)
    task = await stage.resume(scenario.story.deeds[scenario.deed], scenario.deed + 1)
    if task.state != "done":
        return [f"the task ended as {task.state}: {task.result}", *stage.watcher.wrongs]
    return await _judged(stage, scenario, model)


async def _judged(stage: Stage, scenario: Scenario, model: Model) -> list[str]:
    found = await stage.wrongs(scenario.deed + 1)
    return found or difference(await stage.picture(), model.pictures[scenario.deed])
