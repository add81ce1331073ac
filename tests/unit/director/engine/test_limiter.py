"""The pace that is learned, against the token bucket of the simulated cloud, in virtual time."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpi.sim.limits import Rate
from director.engine.limiter import Pace


@dataclass
class Cloud:
    """Refuses by a bucket whose rate changes at given times; a refusal is told ``delay`` seconds after the call went."""

    rates: list[tuple[float, float]]
    burst: float
    delay: float
    seed: int = 0
    admitted: list[float] = field(default_factory=list[float])
    refused: list[float] = field(default_factory=list[float])

    def rate(self, at: float) -> Rate:
        per_second = [rate for begins, rate in self.rates if begins <= at][-1]
        return Rate(per_second, max(1.0, per_second * self.burst))

    def serve(self, pace: Pace, until: float, *, told: bool = False) -> None:
        """Calls without end, as fast as the pace lets them go."""
        dice = random.Random(self.seed)
        now, at, tokens = 0.0, 0.0, self.rate(0).burst
        answers: list[tuple[float, float, float | None]] = []
        while now < until:
            ready = now + pace.ready_in(now)
            if answers and answers[0][0] <= ready:
                now, sent_at, after = heapq.heappop(answers)
                pace.refuse(sent_at, now, after)
                continue
            now = ready
            pace.send(now, pressed=True)
            tokens, wait = self.rate(now).take(tokens, at, now)
            at = now
            if wait:
                self.refused.append(now)
                arrives = now + self.delay * dice.uniform(0.5, 1.5)
                heapq.heappush(answers, (arrives, now, wait if told else None))
            else:
                self.admitted.append(now)

    def use(self, begin: float, end: float) -> float:
        """Of what the bucket gave between two times, the part that was used; the rate must not change between them."""
        return sum(begin <= one < end for one in self.admitted) / (self.rate(begin).per_second * (end - begin))

    def refusals(self, begin: float, end: float) -> float:
        lost = sum(begin <= one < end for one in self.refused)
        return lost / max(1, lost + sum(begin <= one < end for one in self.admitted))


@settings(max_examples=40, deadline=None)
@given(
    rate=st.floats(8, 100),
    burst=st.floats(0.5, 3),
    delay=st.floats(0.005, 0.1),
    change=st.sampled_from([1.0, 0.5, 2.0]),
    told=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_most_of_the_limit_is_used_and_few_calls_are_refused(
    rate: float, burst: float, delay: float, change: float, told: bool, seed: int
) -> None:
    cloud = Cloud([(0, rate), (100, rate * change)], burst, delay, seed)
    cloud.serve(Pace(), 200, told=told)
    assert cloud.use(30, 100) >= 0.9
    assert cloud.use(140 if change > 1 else 130, 200) >= 0.9
    assert cloud.refusals(30, 100) <= 0.02
    assert cloud.refusals(0, 200) <= 0.03


@pytest.mark.parametrize("change", [1.0, 0.5])
def test_a_usual_limit(change: float) -> None:
    """Twenty calls per second, as the bench has it: nine tenths within half a minute, one call in a hundred refused."""
    cloud = Cloud([(0, 20), (60, 20 * change)], 1.0, 0.02)
    cloud.serve(Pace(), 180)
    assert cloud.use(10, 60) >= 0.95
    assert cloud.use(70, 180) >= 0.95
    assert cloud.refusals(0, 180) <= 0.01


@pytest.mark.parametrize(("delay", "most"), [(0.02, 0.025), (0.1, 0.035)])
def test_a_short_deploy_pays_little_for_learning(delay: float, most: float) -> None:
    """320 calls at 8 per second and then at 4: what is refused is the learning, at the start and when the limit halves."""
    for seed in range(10):
        cloud = Cloud([(0, 8), (20, 4)], 1.0, delay, seed)
        cloud.serve(Pace(), 60)
        assert cloud.use(10, 20) >= 0.9
        assert cloud.use(30, 60) >= 0.9
        assert cloud.refusals(0, 60) <= most


def test_a_slow_limit_is_learned_too() -> None:
    cloud = Cloud([(0, 2)], 2.0, 0.2)
    cloud.serve(Pace(), 300)
    assert cloud.use(30, 300) >= 0.9
    assert cloud.refusals(0, 300) <= 0.06


def test_what_the_cloud_names_is_kept_to() -> None:
    pace = Pace()
    pace.send(0.0, pressed=False)
    pace.refuse(0.0, 0.1, 7.0)
    assert pace.ready_in(0.1) >= 7.0
    assert pace.ready_in(20.0) == 0.0


def test_without_refusals_nothing_is_slow_for_long() -> None:
    pace, now, sent = Pace(), 0.0, 0
    while sent < 400:
        now += pace.ready_in(now)
        pace.send(now, pressed=sent > 0)
        sent += 1
    assert now < 6, "four hundred calls, and no limit known"


def test_an_idle_cloud_is_not_probed() -> None:
    pace, now = Pace(), 0.0
    for _ in range(1000):
        now += 0.5
        assert pace.ready_in(now) == 0.0
        pace.send(now, pressed=False)
    assert pace.rate == Pace().rate
