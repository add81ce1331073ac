"""Where instances and stagings go: pure choices among what is advertised."""

from __future__ import annotations

from collections import Counter

from paas.cloud_controller.placement.pool import DeaPool
from paas.cloud_controller.placement.stagers import StagerPool
from paas.messages.dea import Advertisement
from paas.messages.staging import StagerAdvertisement

STACK = "s"


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def dea(id: str, *, memory: int = 1000, zone: str = "z1", counts: dict[str, int] | None = None) -> Advertisement:
    return Advertisement(
        id=id,
        stacks=[STACK],
        available_memory=memory,
        available_disk=10_000,
        app_id_to_count=counts or {},
        placement_properties={"zone": zone},
    )


def pool(*deas: Advertisement, clock: Clock | None = None) -> DeaPool:
    made = DeaPool(10, clock or Clock())
    for one in deas:
        made.hear(one)
    return made


def place(pool: DeaPool, count: int, app: str = "app", memory: int = 100) -> Counter[str | None]:
    return Counter(pool.choose(app, STACK, memory, 100) for _ in range(count))


def test_instances_are_spread_over_zones_first_then_over_deas() -> None:
    found = place(pool(dea("a1"), dea("a2"), dea("a3"), dea("b1", zone="z2")), 6)
    assert found["b1"] == 3
    assert sorted(found[one] for one in ("a1", "a2", "a3")) == [1, 1, 1]


def test_what_runs_already_counts() -> None:
    assert place(pool(dea("a", counts={"app": 2}), dea("b")), 2) == {"b": 2}
    assert place(pool(dea("a", counts={"other": 2}), dea("b", memory=10)), 1) == {"a": 1}


def test_of_equals_those_with_the_most_memory_are_chosen() -> None:
    deas = [dea(f"d{n}", memory=1000 * n) for n in range(1, 5)]
    assert {pool(*deas).choose("app", STACK, 100, 100) for _ in range(50)} <= {"d3", "d4"}


def test_nothing_is_placed_where_it_does_not_fit() -> None:
    full = pool(dea("a", memory=250))
    assert place(full, 3) == {"a": 2, None: 1}
    assert full.lacks(STACK, 100, 100) == "insufficient resources: memory (100 MB)"
    assert full.choose("app", "other", 1, 1) is None
    assert full.lacks("other", 1, 1) == "no DEA has the stack other"
    assert full.lacks(STACK, 1, 99_999) == "insufficient resources: disk (99999 MB)"


def test_an_advertisement_is_forgotten_in_time_and_at_a_shutdown() -> None:
    clock = Clock()
    known = pool(dea("a"), dea("b"), clock=clock)
    known.forget("b")
    assert known.known == ["a"]
    clock.now = 9
    known.hear(dea("c"))
    clock.now = 11
    assert known.known == ["c"]
    clock.now = 30
    assert known.choose("app", STACK, 1, 1) is None
    assert known.lacks(STACK, 1, 1) == "no DEA is known"


def test_a_stager_with_memory_is_chosen_and_not_one_that_is_gone() -> None:
    clock = Clock()

    def known() -> StagerPool:
        made = StagerPool(10, clock)
        for n in range(8):
            made.hear(StagerAdvertisement(id=f"s{n}", stacks=[STACK], available_memory=1000 + n))
        return made

    assert {known().choose(STACK, 1, without={"s7"}) for _ in range(60)} <= {f"s{n}" for n in range(2, 7)}
    stagers = known()
    assert stagers.choose(STACK, 5000) is None
    assert stagers.lacks(STACK, 5000) == "no stager has 5000 MB of memory left"
    assert stagers.lacks("other", 1) == "no stager has the stack other"
    clock.now = 11
    assert not stagers.alive("s1")
    assert stagers.lacks(STACK, 1) == "no stager is known"
