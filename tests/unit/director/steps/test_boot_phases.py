"""The judgement of a VM's way, without any time passing."""

from __future__ import annotations

import pytest

from director.model.boot import BootLimits
from director.ports.agents import Sighting
from director.ports.cloud import VmStatus
from director.steps.boot_phases import End, Look, Phase, Way

LIMITS = BootLimits(power=60, address=240, bus=300, agent=150)
ABSENT, THERE = Sighting(there=False), Sighting(there=True)
OFF = VmStatus(power="off", addresses=())
ON = VmStatus(power="on", addresses=(), boot="1")
AT_HOME = VmStatus(power="on", addresses=("10.0.0.5",), boot="1")
BLIND = VmStatus(power="on", addresses=None, boot="1")


def walk(*looks: tuple[float, VmStatus | None, Sighting], limits: BootLimits = LIMITS) -> tuple[Way, float, End | None]:
    """Look until there is an end; when that was."""
    way = Way(0, limits)
    at = 0.0
    for at, vm, bus in looks:
        end = way.see(Look(at, vm, bus))
        if end is not None:
            return way, at, end
    return way, at, None


@pytest.mark.parametrize(
    ("vm", "bus", "phase", "limit"),
    [
        (OFF, ABSENT, Phase.POWER, 60),
        (ON, ABSENT, Phase.ADDRESS, 240),
        (AT_HOME, ABSENT, Phase.BUS, 300),
        (BLIND, ABSENT, Phase.BUS, 540),
        (AT_HOME, THERE, Phase.AGENT, 150),
        (None, THERE, Phase.AGENT, 150),
        (VmStatus(detail="ERROR: No valid host"), ABSENT, Phase.POWER, 60),
    ],
)
def test_each_phase_has_its_own_patience(vm: VmStatus | None, bus: Sighting, phase: Phase, limit: float) -> None:
    way, at, end = walk(*((float(at), vm, bus) for at in range(10, 700, 10)))
    assert (way.phase, at, end) == (phase, limit, End.SILENT)


@pytest.mark.parametrize(
    ("vm", "bus"),
    [
        (None, ABSENT),  # the CPI cannot tell
        (VmStatus(), ABSENT),  # it is being built
        (AT_HOME, Sighting()),  # the bus is away
    ],
)
def test_nobody_is_given_up_for_what_nobody_knows(vm: VmStatus | None, bus: Sighting) -> None:
    assert walk(*((float(at), vm, bus) for at in range(10, 5000, 10)))[2] is None


def test_patience_begins_anew_with_each_phase() -> None:
    way, at, end = walk(
        *((float(at), OFF, ABSENT) for at in range(10, 60, 10)),
        *((float(at), ON, ABSENT) for at in range(60, 290, 10)),
        *((float(at), AT_HOME, ABSENT) for at in range(290, 700, 10)),
    )
    assert (way.phase, way.since, at, end) == (Phase.BUS, 290, 590, End.SILENT)


def test_no_limit_where_none_is_wanted() -> None:
    limits = BootLimits(power=0, address=0, bus=0, agent=0)
    for vm, bus in ((OFF, ABSENT), (ON, ABSENT), (BLIND, ABSENT), (AT_HOME, THERE)):
        assert walk(*((float(at), vm, bus) for at in range(10, 5000, 10)), limits=limits)[2] is None


def test_a_vm_that_goes_down_is_given_up_at_the_second_look() -> None:
    down = VmStatus(power="off", addresses=(), boot="1")
    way, at, end = walk((10, ON, ABSENT), (15, down, ABSENT), (17, down, ABSENT))
    assert (at, end) == (17, End.DOWN)
    assert walk((15, down, ABSENT), (17, down, ABSENT))[2] is End.DOWN, "it was on before anybody looked"
    way, _, end = walk((10, ON, ABSENT), (15, down, ABSENT))
    assert (end, way.doubtful) == (None, True)
    caught = (VmStatus(power="on", addresses=(), boot=boot) for boot in ("1", "2"))
    one, two = caught
    assert walk((10, one, ABSENT), (15, down, ABSENT), (17, two, ABSENT), (20, two, ABSENT))[2] is None, "a restart"


def test_a_loop_of_crashes() -> None:
    _, at, end = walk(
        *((float(at), VmStatus(power="on", addresses=(), boot=str(at)), ABSENT) for at in range(10, 90, 10))
    )
    assert (at, end) == (40, End.CRASHING)


def test_a_vm_that_is_gone() -> None:
    gone = VmStatus(exists=False)
    assert walk((10, ON, ABSENT), (20, gone, ABSENT), (22, gone, ABSENT))[1:] == (22, End.GONE)
    way, _, end = walk((10, gone, ABSENT), (12, ON, ABSENT), (20, gone, ABSENT))
    assert (end, way.doubtful) == (None, True)


def test_refusals_of_an_earlier_owner_of_the_address_do_not_count() -> None:
    way = Way(100, LIMITS)
    way.see(Look(110, AT_HOME, Sighting(False, "bad certificate", 90)))
    assert way.refused == ""
    way.see(Look(120, AT_HOME, Sighting(False, "bad certificate", 119)))
    assert way.refused == "bad certificate"


@pytest.mark.parametrize(("timeout", "wanted"), [(600, (60, 240, 300, 150)), (60, (20, 60, 60, 45)), (4, (4, 4, 4, 4))])
def test_usual_limits_follow_the_whole_wait(timeout: float, wanted: tuple[float, ...]) -> None:
    found = BootLimits.usual(timeout)
    assert (found.power, found.address, found.bus, found.agent) == wanted
