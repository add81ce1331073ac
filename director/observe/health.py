"""Which instances have lost their VM: pure decisions over heartbeats, rows and time. Nothing is done here; what comes out is a wish.

A deployment's instances pass through `Health.suspects` (who is silent), are asked about on a second path by whoever calls, and what they and
their cloud say decides in `Health.decide`, together with everything that forbids a repair.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from msgspec import Struct, field

from director.model.resurrection import ResurrectionRule, resurrection_enabled
from director.observe.alert import Alert
from director.observe.budget import Spent, left, rests
from director.observe.evidence import Evidence, Verdict, judge
from director.observe.settings import HealthSettings

LATE = 45.0  # seconds; agents tell of themselves each 30


class Member(Struct, frozen=True):
    """An instance that should have a VM. ``agent_id`` empty: it has none. ``since``: when its VM was made."""

    deployment: str
    group: str
    id: str
    index: int
    agent_id: str = ""
    since: float = 0

    @property
    def name(self) -> str:
        return f"{self.group}/{self.id}"


class Picture(Struct, frozen=True):
    """What is known at one moment. ``members``: instances that should have a VM, but for ignored ones; ``heard``: by agent id, when it was
    last heard; ``listening``: since when agents can be heard at all (the director's start, or the return of the bus); ``locked``:
    deployments that a task is working on; ``spent``: repairs of the last hour."""

    now: float
    members: Sequence[Member]
    heard: Mapping[str, float]
    listening: float
    bus: bool = True
    paused: bool = False
    locked: Container[str] = ()
    rules: Sequence[ResurrectionRule] = ()
    spent: Sequence[Spent] = ()


class Suspect(Struct, frozen=True):
    """A member that is silent since ``since``."""

    member: Member
    since: float


class Repair(Struct, frozen=True):
    """A deployment's instances whose VMs are to be made anew, with why each."""

    deployment: str
    members: tuple[Member, ...]
    causes: tuple[str, ...]


class Decision(Struct, frozen=True):
    """``reasons``: by deployment, why suspected instances are left alone."""

    repairs: tuple[Repair, ...] = ()
    alerts: tuple[Alert, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)


class Health:
    """What has to be remembered between two looks: who was silent when, and who was first seen without a VM."""

    def __init__(self, settings: HealthSettings) -> None:
        self.settings = settings
        self._unhealthy: dict[tuple[str, str], float] = {}
        self._without: dict[tuple[str, str], float] = {}

    def suspects(self, picture: Picture) -> list[Suspect]:
        """Members silent for longer than they may be. What forbids a repair is not looked at here: a meltdown counts them too."""
        found: list[Suspect] = []
        without: dict[tuple[str, str], float] = {}
        for one in picture.members:
            key = (one.deployment, one.id)
            if one.deployment in picture.locked:
                continue  # what falls silent under a task's hands is no surprise
            since = self._silent_since(picture, one)
            if not one.agent_id:
                without[key] = since
            if picture.now - since >= self.settings.agent_timeout:
                found.append(Suspect(one, since))
        self._without = without
        oldest = picture.now - self.settings.time_threshold
        self._unhealthy = {key: at for key, at in self._unhealthy.items() if at >= oldest}
        self._unhealthy |= {(one.member.deployment, one.member.id): picture.now for one in found}
        return found

    def worth_asking(self, picture: Picture, suspects: Sequence[Suspect]) -> list[Suspect]:
        """Those that nothing forbids to mend, so that it matters whether they are dead."""
        if not suspects or self._waits(picture):
            return []
        melting = self.melting(picture)
        return [
            one
            for one in suspects
            if one.member.agent_id
            and self._settled(picture, one)
            and not rests(picture.now, one.member.id, picture.spent)
            and not self._forbids(picture, one.member.deployment, melting)
            and resurrection_enabled(picture.rules, one.member.deployment, one.member.group)
        ]

    def melting(self, picture: Picture) -> dict[str, tuple[int, int]]:
        """Deployments in meltdown: how many of how many instances were silent of late."""
        total: dict[str, int] = {}
        silent: dict[str, int] = {}
        for one in picture.members:
            total[one.deployment] = total.get(one.deployment, 0) + 1
            # those that died with the first suspects are not yet suspects, but late
            late = one.deployment not in picture.locked and picture.now - self._silent_since(picture, one) >= LATE
            if late or (one.deployment, one.id) in self._unhealthy:
                silent[one.deployment] = silent.get(one.deployment, 0) + 1
        settings = self.settings
        return {
            name: (count, total[name])
            for name, count in silent.items()
            if count >= settings.minimum_down_jobs and count / total[name] >= settings.percent_threshold
        }

    def _silent_since(self, picture: Picture, one: Member) -> float:
        if not one.agent_id:
            return max(self._without.get((one.deployment, one.id), picture.now), picture.listening)
        return max(picture.heard.get(one.agent_id, 0), picture.listening, one.since)

    def _settled(self, picture: Picture, one: Suspect) -> bool:
        return picture.now - one.since >= self.settings.agent_timeout + self.settings.settle

    def hushed(self, picture: Picture) -> bool:
        """Whether all agents fell silent: then it is the bus or the network, unless the cloud says that the VMs are gone."""
        agents = [one.agent_id for one in picture.members if one.agent_id]
        last = max([picture.listening, *(picture.heard.get(one, 0) for one in agents)])
        return len(agents) > 1 and picture.now - last > LATE

    def decide(self, picture: Picture, suspects: Sequence[Suspect], evidence: Mapping[str, Evidence]) -> Decision:
        """``evidence`` by instance id, of those that `worth_asking` named."""
        if not suspects:
            return Decision()
        by_deployment: dict[str, list[Suspect]] = {}
        for one in suspects:
            by_deployment.setdefault(one.member.deployment, []).append(one)
        waits, melting, hushed = self._waits(picture), self.melting(picture), self.hushed(picture)
        alerts: list[Alert] = []
        repairs: list[Repair] = []
        reasons: dict[str, str] = {}
        spent = list(picture.spent)
        if hushed:
            alerts.append(_hush(picture, len(suspects)))
        for name, silent in sorted(by_deployment.items()):
            alerts += [_timed_out(one) for one in silent]
            reason = waits or self._forbids(picture, name, melting)
            if reason:
                reasons[name] = reason
                alerts += [_meltdown(picture, name, silent, melting[name])] if name in melting else []
                continue
            chosen, causes, told = self._dead(picture, silent, evidence, hushed=hushed)
            alerts += told
            allowed, why = left(picture.now, name, spent, self.settings.repairs, self.settings.repairs_in_total)
            if len(chosen) > allowed:
                reasons[name] = why
                alerts.append(_over(name, chosen[allowed:], why))
            if chosen[:allowed]:
                repairs.append(Repair(name, tuple(chosen[:allowed]), tuple(causes[:allowed])))
                alerts.append(_mends(repairs[-1]))
                spent.append(Spent(picture.now, name, tuple(one.id for one in chosen[:allowed])))
        return Decision(tuple(repairs), tuple(alerts), reasons)

    def _dead(
        self, picture: Picture, silent: Sequence[Suspect], evidence: Mapping[str, Evidence], *, hushed: bool
    ) -> tuple[list[Member], list[str], list[Alert]]:
        chosen: list[Member] = []
        causes: list[str] = []
        alerts: list[Alert] = []
        for one in sorted(silent, key=lambda suspect: (suspect.member.group, suspect.member.index)):
            member = one.member
            if not resurrection_enabled(picture.rules, member.deployment, member.group):
                alerts.append(_disabled(member))
                continue
            if not self._settled(picture, one) or rests(picture.now, member.id, picture.spent):
                continue
            if not member.agent_id:
                chosen.append(member)
                causes.append("it has no VM")
                continue
            told = evidence.get(member.id)
            if told is None:
                continue
            longest = 0 if hushed else self.settings.silent_vms
            verdict, cause = judge(told, picture.now - one.since, longest)
            if verdict is Verdict.DEAD:
                chosen.append(member)
                causes.append(cause)
            else:
                alerts.append(_doubt(member, verdict, cause))
        return chosen, causes, alerts

    def _waits(self, picture: Picture) -> str:
        """Why nothing at all is mended now."""
        if picture.paused:
            return "resurrection is paused"
        if not picture.bus:
            return "the bus cannot be reached"
        if picture.now - picture.listening < self.settings.grace:
            return f"agents are listened to for less than {self.settings.grace:g} s"
        return ""

    def _forbids(self, picture: Picture, deployment: str, melting: Mapping[str, tuple[int, int]]) -> str:
        if deployment in picture.locked:
            return "a task is at work on it"
        if deployment in melting:
            silent, total = melting[deployment]
            return f"meltdown: {silent} of {total} instances are silent"
        return ""


def _timed_out(one: Suspect) -> Alert:
    member = one.member
    what = f"{member.agent_id} has timed out" if member.agent_id else f"{member.id} has no VM"
    return Alert(2, what, source=member.name, deployment=member.deployment, instance=member.name)


def _hush(picture: Picture, silent: int) -> Alert:
    return Alert(
        1,
        "No agent is heard any more",
        f"All {silent} fell silent at once: the bus or the network is broken rather than the VMs. Only VMs that their cloud denies are mended.",
    )


def _meltdown(picture: Picture, name: str, silent: Sequence[Suspect], counts: tuple[int, int]) -> Alert:
    percent = round(counts[0] / counts[1] * 100, 1)
    names = ", ".join(one.member.name for one in silent)
    summary = (
        f"Skipping resurrection for instances: {names}; deployment: '{name}'; "
        f"{counts[0]} of {counts[1]} agents are unhealthy ({percent}%)"
    )
    return Alert(1, "We are in meltdown", summary, deployment=name)


def _disabled(member: Member) -> Alert:
    return Alert(
        1,
        "Resurrection is disabled by resurrection config",
        f"Skipping resurrection for instances: {member.name}",
        source=member.name,
        deployment=member.deployment,
        instance=member.name,
    )


def _doubt(member: Member, verdict: Verdict, cause: str) -> Alert:
    title = "Heartbeats are missing" if verdict is Verdict.ALIVE else "Agent and cloud disagree"
    return Alert(
        2, title, f"Left alone: {cause}", source=member.name, deployment=member.deployment, instance=member.name
    )


def _over(name: str, members: Sequence[Member], why: str) -> Alert:
    names = ", ".join(one.name for one in members)
    return Alert(1, "The repair budget is used up", f"Left alone: {names}; {why}", deployment=name)


def _mends(repair: Repair) -> Alert:
    pairs = zip(repair.members, repair.causes, strict=True)
    names = ", ".join(f"{member.name} ({cause})" for member, cause in pairs)
    return Alert(
        4, "Scan unresponsive VMs", f"Notifying Director to scan instances: {names}", deployment=repair.deployment
    )
