"""The health monitor's decisions over random histories: what forbids a repair forbids it, and nothing else delays one beyond its bound."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from director.manifest.resurrection_config import load_resurrection_configs
from director.model.resurrection import ResurrectionRule, resurrection_enabled
from director.observe.budget import HOUR, Spent, used
from director.observe.evidence import CloudSays, Evidence, Verdict, judge
from director.observe.health import Decision, Health, Member, Picture
from director.observe.settings import HealthSettings

SETTINGS = HealthSettings(repairs=6, repairs_in_total=9)
STEP = 10.0
BOUND = SETTINGS.agent_timeout + SETTINGS.settle + STEP
START = 1_700_000_000.0


@dataclass
class Street:
    """Instances that beat every 30 s until they die, watched every 10 s; what is mended comes back two minutes later."""

    counts: dict[str, int]
    cloud: CloudSays = CloudSays.GONE
    rules: tuple[ResurrectionRule, ...] = ()
    now: float = START
    listening: float = START
    bus: bool = True
    paused: bool = False
    locked: set[str] = field(default_factory=set[str])
    mends: bool = True
    heard: dict[str, float] = field(default_factory=dict[str, float])
    dead: dict[str, float] = field(default_factory=dict[str, float])
    back: dict[str, float] = field(default_factory=dict[str, float])
    spent: list[Spent] = field(default_factory=list[Spent])
    decided: list[tuple[float, Decision]] = field(default_factory=list[tuple[float, Decision]])

    def __post_init__(self) -> None:
        self.health = Health(SETTINGS)
        self.members = [
            Member(name, "web", f"{name}-{number}", number, f"agent-{name}-{number}", START - 1000)
            for name, count in self.counts.items()
            for number in range(count)
        ]

    @property
    def picture(self) -> Picture:
        return Picture(
            self.now,
            self.members,
            dict(self.heard),
            self.listening,
            self.bus,
            self.paused,
            set(self.locked),
            self.rules,
            list(self.spent),
        )

    def kill(self, *ids: str) -> None:
        for id in ids:
            self.dead.setdefault(id, self.now)

    def step(self) -> Decision:
        self.now += STEP
        for id in [id for id, at in self.back.items() if at <= self.now]:
            self.dead.pop(id, None)
            self.back.pop(id)
        if self.bus:
            for number, one in enumerate(self.members):
                if one.id not in self.dead and int(self.now / STEP + number) % 3 == 0:
                    self.heard[one.agent_id] = self.now
        picture = self.picture
        suspects = self.health.suspects(picture)
        asked = self.health.worth_asking(picture, suspects)
        evidence = {one.member.id: Evidence(one.member.id not in self.dead, self.cloud) for one in asked}
        decision = self.health.decide(picture, suspects, evidence)
        for repair in decision.repairs:
            ids = tuple(one.id for one in repair.members)
            self.spent.append(Spent(self.now, repair.deployment, ids))
            if self.mends:
                self.back |= dict.fromkeys(ids, self.now + 20)
        self.decided.append((self.now, decision))
        return decision

    def run(self, seconds: float) -> list[str]:
        """Ids of what was mended meanwhile."""
        found: list[str] = []
        for _ in range(int(seconds / STEP)):
            found += mended(self.step())
        return found


def mended(decision: Decision) -> list[str]:
    return [one.id for repair in decision.repairs for one in repair.members]


def titles(decisions: Sequence[tuple[float, Decision]]) -> set[str]:
    return {alert.title for _, decision in decisions for alert in decision.alerts}


def test_a_lost_vm_is_made_anew_once_and_within_its_bound() -> None:
    street = Street({"d": 10})
    assert street.run(300) == []
    street.kill("d-3")
    died = street.now
    found: list[str] = []
    while not found:
        found = mended(street.step())
    assert found == ["d-3"]
    assert street.now - died <= BOUND
    assert street.run(1200) == []


events = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(
            ["kill", "kill", "kill", "pause", "resume", "lock", "unlock", "bus away", "bus back", "silence"]
        ),
        st.sampled_from(["a", "b"]),
        st.integers(0, 29),
    ),
    max_size=25,
)


@given(
    events,
    st.sampled_from([CloudSays.GONE, CloudSays.OFF, CloudSays.THERE, CloudSays.RUNNING, CloudSays.UNKNOWN]),
    st.booleans(),
)
def test_random_histories(history: list[tuple[int, str, str, int]], cloud: CloudSays, mends: bool) -> None:
    street = Street({"a": 6, "b": 30}, cloud=cloud, mends=mends)
    for wait, what, where, number in history:
        _check(street, wait)
        match what:
            case "kill":
                street.kill(f"{where}-{number % street.counts[where]}")
            case "pause" | "resume":
                street.paused = what == "pause"
            case "lock":
                street.locked.add(where)
            case "unlock":
                street.locked.discard(where)
            case "bus away":
                street.bus = False
            case "bus back":
                street.listening = street.now if not street.bus else street.listening
                street.bus = True
            case _:
                street.kill(*(one.id for one in street.members))
    _check(street, 30)
    # all hindrances gone: whatever the cloud denies comes back, as far as the budget goes
    street.listening = street.now if not street.bus else street.listening
    street.paused, street.bus, street.mends = True, True, True
    street.locked.clear()
    street.back.clear()
    _check(street, int(SETTINGS.time_threshold / STEP) + 10)
    street.paused = False
    street.spent.clear()
    melted = {name for name in ("a", "b") if _melts(street, name)}
    lost = [id for id in street.dead if id.split("-")[0] not in melted]
    found = street.run(SETTINGS.grace + BOUND)
    if cloud in (CloudSays.GONE, CloudSays.OFF):
        allowed = {name: min(6, sum(id.startswith(name) for id in lost)) for name in ("a", "b")}
        assert len(found) >= min(9, sum(allowed.values()))
    if cloud is CloudSays.UNKNOWN:
        assert found == []


def _melts(street: Street, name: str) -> bool:
    silent = sum(id.startswith(name) for id in street.dead)
    return silent >= SETTINGS.minimum_down_jobs and silent / street.counts[name] >= SETTINGS.percent_threshold


def _check(street: Street, steps: int) -> None:
    for _ in range(steps):
        dead = dict(street.dead)
        decision = street.step()
        ids = mended(decision)
        assert len(ids) == len(set(ids))
        if street.paused or not street.bus or street.now - street.listening < SETTINGS.grace:
            assert ids == []
        for repair in decision.repairs:
            assert repair.deployment not in street.locked
            silent = [one for one in street.members if one.deployment == repair.deployment and one.id in dead]
            total = street.counts[repair.deployment]
            gone = [
                one for one in silent if street.now - max(street.heard.get(one.agent_id, 0), street.listening) >= 60
            ]
            assert len(gone) < SETTINGS.minimum_down_jobs or len(gone) / total < SETTINGS.percent_threshold
            assert all(one.id in dead for one in repair.members)
        assert used(street.now, street.spent) <= SETTINGS.repairs_in_total
        for name in street.counts:
            assert used(street.now, street.spent, name) <= SETTINGS.repairs


def test_a_meltdown_stops_repairs_and_is_told() -> None:
    street = Street({"d": 10})
    street.run(200)
    street.kill(*(f"d-{number}" for number in range(5)))
    assert street.run(1800) == []
    assert "We are in meltdown" in titles(street.decided)
    assert "meltdown: 5 of 10" in street.decided[-1][1].reasons["d"]


def test_few_of_many_are_no_meltdown() -> None:
    street = Street({"d": 100})
    street.run(200)
    street.kill(*(f"d-{number}" for number in range(6)))
    assert sorted(street.run(120)) == [f"d-{number}" for number in range(6)]


def test_the_budget_is_kept_and_told() -> None:
    street = Street({"d": 100}, mends=True)
    street.run(200)
    street.kill(*(f"d-{number}" for number in range(8)))
    assert len(street.run(600)) == SETTINGS.repairs
    assert "The repair budget is used up" in titles(street.decided)
    assert "at most 6 repairs an hour in deployment 'd'" in street.decided[-1][1].reasons["d"]
    assert len(street.run(HOUR)) == 2


def test_what_does_not_come_back_is_tried_again_ever_more_rarely() -> None:
    street = Street({"d": 10}, mends=False)
    street.run(200)
    street.kill("d-1")
    street.run(1200)
    times = [at for at, decision in street.decided if decision.repairs]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == [60, 120, 240, 480]


def test_when_all_fall_silent_the_vms_that_the_cloud_has_are_left_alone() -> None:
    street = Street({"d": 3}, cloud=CloudSays.RUNNING)
    street.run(200)
    street.kill("d-0", "d-1", "d-2")
    assert street.run(3600) == []
    assert "No agent is heard any more" in titles(street.decided)
    street.cloud = CloudSays.GONE
    assert sorted(street.run(30)) == ["d-0", "d-1", "d-2"]


def test_a_vm_that_its_cloud_has_is_given_more_time() -> None:
    street = Street({"d": 3}, cloud=CloudSays.RUNNING)
    street.run(200)
    street.kill("d-0")
    died = street.now
    assert street.run(500) == []
    assert "Agent and cloud disagree" in titles(street.decided)
    assert street.run(200) == ["d-0"]
    assert street.spent[0].at - died >= SETTINGS.silent_vms - 30


def test_after_a_start_nothing_is_mended_before_agents_had_their_time() -> None:
    street = Street({"d": 3})
    street.kill("d-0")
    assert street.run(SETTINGS.grace - STEP) == []
    assert street.run(3 * STEP) == ["d-0"]


def test_an_instance_without_a_vm_comes_back_too() -> None:
    street = Street({"d": 3})
    street.members.append(Member("d", "web", "d-9", 9))
    assert street.run(200) == ["d-9", "d-9"], "nothing gives it a VM here, so it is tried again"


def test_judgements() -> None:
    assert judge(Evidence(True, CloudSays.GONE), 1000, 600)[0] is Verdict.ALIVE
    assert judge(Evidence(False, CloudSays.OFF), 60, 600)[0] is Verdict.DEAD
    assert judge(Evidence(False, CloudSays.UNKNOWN), 9999, 600)[0] is Verdict.DOUBTFUL
    assert judge(Evidence(False, CloudSays.THERE), 9999, 0)[0] is Verdict.DOUBTFUL


def test_rules_of_resurrection_configs() -> None:
    text = """
rules:
- enabled: false
  include: {deployments: [d]}
  exclude: {instance_groups: [web]}
- enabled: true
- include: {}
"""
    rules, faults = load_resurrection_configs([("resurrection config 'default'", text)])
    assert not resurrection_enabled(rules, "d", "db")
    assert resurrection_enabled(rules, "d", "web")
    assert resurrection_enabled(rules, "other", "db")
    assert "'enabled' was not specified" in faults[0].description
    street = Street({"d": 3}, rules=rules[:1])
    street.members = [*street.members[1:], Member("d", "db", "d-0", 0, "agent-d-0", START)]
    street.run(200)
    street.kill("d-0")
    assert street.run(300) == []
    assert "Resurrection is disabled by resurrection config" in titles(street.decided)
