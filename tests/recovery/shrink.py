"""A failing case made small: with everything left out that it does not need in order to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tests.recovery.case import Case
from tests.recovery.shop import Shape
from tests.recovery.stories import Deed, Story

TRIES = 80


def shrink(case: Case, fails: Callable[[Case], bool], tries: int = TRIES) -> Case:
    """The smallest that still fails, as far as leaving out one thing after the other leads."""
    smaller = True
    while smaller and tries > 0:
        smaller = False
        for one in _smaller(case):
            tries -= 1
            if fails(one):
                case, smaller = one, True
                break
            if tries <= 0:
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Each with one thing less, the largest things first."""
    deeds = case.story.deeds
    if case.deed + 1 < len(deeds):
        yield replace(case, story=Story(deeds[: case.deed + 1]))
    for number in range(case.deed):
        left = (*deeds[:number], *deeds[number + 1 :])
        if left[0].kind == "deploy":
            yield replace(case, story=Story(left), deed=case.deed - 1)
    for number in range(len(case.disturbances)):
        yield replace(case, disturbances=(*case.disturbances[:number], *case.disturbances[number + 1 :]))
    if case.second:
        yield replace(case, second=False)
    if case.rest:
        yield replace(case, rest=0.0)
    if case.finishes:
        yield replace(case, finishes=False)
    if case.pace:
        yield replace(case, pace=0)
    for name in dict.fromkeys(group.name for deed in deeds for group in deed.manifest.groups):
        yield from _of_group(case, name)
    for number, one in enumerate(case.disturbances):
        if one.at > 1:
            for at in dict.fromkeys((one.at // 2, one.at - 1)):
                less = replace(one, at=at)
                yield replace(case, disturbances=(*case.disturbances[:number], less, *case.disturbances[number + 1 :]))


def _of_group(case: Case, name: str) -> Iterator[Case]:
    def changed(change: Callable[[Shape], Shape | None]) -> Case | None:
        deeds: list[Deed] = []
        for deed in case.story.deeds:
            groups = [change(one) if one.name == name else one for one in deed.manifest.groups]
            kept = tuple(one for one in groups if one is not None)
            if not kept or (deed.group == name and len(kept) < len(groups)):
                return None
            deeds.append(replace(deed, manifest=replace(deed.manifest, groups=kept)))
        story = Story(tuple(deeds))
        return None if story == case.story else replace(case, story=story)

    ways: list[Callable[[Shape], Shape | None]] = [
        lambda one: None,
        lambda one: replace(one, instances=max(1, one.instances - 1)),
        lambda one: replace(one, disk=0),
        lambda one: replace(one, azs=1),
        lambda one: replace(one, canaries=0),
        lambda one: replace(one, serial=True),
        lambda one: replace(one, swap=False),
        lambda one: replace(one, max_in_flight=1),
        lambda one: replace(one, text=0),
        lambda one: replace(one, job="web"),
    ]
    for way in ways:
        found = changed(way)
        if found is not None:
            yield found
