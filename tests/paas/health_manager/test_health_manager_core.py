"""What the health manager decides, in virtual time."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from paas.health_manager import answers
from paas.health_manager.queue import Priority, Queue, Start
from paas.messages.dea import Beat, Exited, Heartbeat
from paas.messages.health import AppQuestion, StatusQuestion

from tests.paas.health_manager.world import world


def test_nothing_is_done_where_all_is_as_wanted() -> None:
    one = world()
    one.want("app", 3)
    one.pass_time(1000)
    assert one.exactly_as_wanted()
    assert not one.starts
    assert not one.stops


@pytest.mark.parametrize("second", range(20))
def test_what_the_cloud_controller_has_just_seen_to_is_left_to_it(second: int) -> None:
    one = world()
    one.want("app", 1)
    one.pass_time(40 + second)
    one.want("app", 3)
    one.want("new", 2)
    one.pass_time(100)
    one.want("app", 3, version="v2")
    one.pass_time(100)
    assert one.exactly_as_wanted()
    assert not one.starts
    assert not one.stops


def test_an_app_that_changed_is_left_alone_until_it_was_read_again() -> None:
    one = world()
    one.want("app", 2)
    one.pass_time(60)
    one.read_fails = True
    one.want("app", 2, version="v2")
    one.pass_time(100)
    assert not one.starts
    assert not one.stops
    one.read_fails = False
    one.crash("app", 0, silent=True)
    one.pass_time(120)
    assert one.exactly_as_wanted()


def test_a_new_health_manager_waits_until_all_deas_were_heard() -> None:
    one = world(settled=False)
    one.want("app", 2, tell=False)
    one.pass_time(200)
    assert one.exactly_as_wanted()
    assert not one.starts


def test_a_crash_is_followed_by_a_start_at_once() -> None:
    one = world()
    one.want("app", 2)
    one.pass_time(50)
    one.crash("app", 1)
    one.pass_time(1)
    [(_, start)] = one.starts
    assert (start.indices, start.flapping, start.running) == ([1], False, {"v1": 1})
    assert one.exactly_as_wanted()


def test_an_exit_that_nobody_told_of_is_found() -> None:
    one = world()
    one.want("app", 2)
    one.pass_time(50)
    one.crash("app", 0, silent=True)
    one.pass_time(10 + 20)
    assert one.exactly_as_wanted()


def test_the_apps_of_a_dead_dea_are_started_elsewhere_within_fifty_seconds() -> None:
    one = world()
    one.want("app", 6)
    one.pass_time(60)
    one.kill_dea("dea-1")
    killed = one.now
    one.pass_time(50)
    assert one.exactly_as_wanted()
    assert all(at - killed > 20 for at, _ in one.starts)  # its last heartbeat was up to ten seconds before


def test_the_apps_of_a_dea_that_leaves_are_started_at_once() -> None:
    one = world()
    one.want("app", 6)
    one.pass_time(60)
    one.evacuate("dea-2")
    one.pass_time(1)
    assert sum(len(start.indices) for _, start in one.starts) == 2
    assert set(one.indices("app")) == {("v1", index) for index in range(6)}
    one.pass_time(100)
    assert one.exactly_as_wanted()
    assert sum(len(start.indices) for _, start in one.starts) == 2
    assert not one.stops


def test_a_start_that_a_leaving_dea_refuses_is_asked_for_again_at_once() -> None:
    one = world()
    one.want("app", 1)
    one.pass_time(60)
    one.full = True
    one.crash("app", 0)
    one.pass_time(1)
    one.full = False
    refused = Exited(droplet="app", version="v1", instance="never-seen", index=0, reason="DEA_EVACUATION")
    one.core.exited(refused, one.now)
    one.pass_time(1)
    assert len(one.starts) == 2
    assert one.exactly_as_wanted()


def test_a_start_is_given_time_before_it_is_asked_for_again() -> None:
    one = world()
    one.want("app", 1)
    one.pass_time(60)
    one.full = True
    one.crash("app", 0)
    one.pass_time(200)
    begun = [at for at, _ in one.starts]
    assert len(begun) > 3
    assert min(later - earlier for earlier, later in itertools.pairwise(begun)) > 30
    one.full = False
    one.pass_time(60)
    assert one.exactly_as_wanted()


@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize("seconds", [20, 45, 400])
def test_no_app_is_doubled_by_an_outage_of_the_bus(noticed: bool, seconds: int) -> None:
    one = world()
    one.want("app", 6)
    one.want("other", 1)
    one.pass_time(60)
    one.bus_away(noticed=noticed)
    one.pass_time(seconds)
    one.bus_back(noticed=noticed)
    one.pass_time(300)
    assert one.exactly_as_wanted()
    assert not one.starts
    assert not one.stops


def test_what_died_during_an_outage_is_found_after_it() -> None:
    one = world()
    one.want("app", 6)
    one.pass_time(60)
    one.bus_away()
    one.kill_dea("dea-0")
    one.pass_time(100)
    one.bus_back()
    one.pass_time(60)
    assert one.exactly_as_wanted()


def test_the_only_dea_comes_back_empty() -> None:
    one = world(deas=1)
    one.want("app", 2)
    one.pass_time(60)
    one.kill_dea("dea-0")
    one.pass_time(100)
    assert not one.starts
    one.deas["dea-9"] = []
    one.pass_time(70)
    assert one.exactly_as_wanted()


def test_too_many_instances_are_stopped() -> None:
    one = world()
    one.want("app", 2)
    one.pass_time(60)
    one.run("app", "v1", 0)
    one.run("app", "v1", 7)
    one.run("app", "v0", 1)
    one.pass_time(40)
    assert one.exactly_as_wanted()
    assert sum(len(stop.instances) for _, stop in one.stops) == 3
    assert not one.starts


def test_of_two_instances_of_one_index_the_one_that_serves_stays() -> None:
    one = world()
    one.want("app", 1)
    one.pass_time(60)
    old = one.deas["dea-0"][0].guid
    one.run("app", "v1", 0)
    one.pass_time(40)
    assert [instance.guid for instances in one.deas.values() for instance in instances] == [old]


def test_a_stopped_app_is_stopped_where_the_message_was_lost() -> None:
    one = world()
    one.want("app", 2)
    one.pass_time(60)
    one.wanted["app"] = msgspec.structs.replace(one.wanted["app"], state="STOPPED")
    one.pass_time(120)
    assert one.exactly_as_wanted()


def test_a_deleted_app_is_stopped_but_not_soon() -> None:
    one = world()
    one.want("app", 2)
    one.pass_time(60)
    one.forget("app")
    one.pass_time(200)
    assert one.indices("app")
    one.pass_time(120)
    assert not one.indices("app")


def test_an_app_that_crashes_again_and_again_is_started_after_longer_waits_and_then_no_more() -> None:
    one = world()
    one.crashing["app"] = 10
    one.want("app", 1)
    one.pass_time(2000)
    begun = [at for at, _ in one.starts]
    assert [start.flapping for _, start in one.starts] == [False, True, True, True]
    assert [later - earlier for earlier, later in itertools.pairwise(begun)] == [70, 130, 250]
    assert answers.status(one.core, StatusQuestion(droplet="app", state="FLAPPING", version="v1")).indices
    # a change of the app is a new beginning
    del one.crashing["app"]
    one.want("app", 1, version="v2")
    one.pass_time(100)
    assert one.exactly_as_wanted()
    assert not answers.status(one.core, StatusQuestion(droplet="app", state="FLAPPING", version="v2")).indices


def test_no_end_of_restarts_where_so_configured() -> None:
    one = world(give_up=0, max_delay=120)
    one.crashing["app"] = 10
    one.want("app", 1)
    one.pass_time(2000)
    begun = [at for at, _ in one.starts]
    assert [later - earlier for earlier, later in itertools.pairwise(begun)][2:] == [130] * (len(begun) - 3)
    assert len(begun) > 12


def test_crashes_far_apart_are_single_ones() -> None:
    one = world()
    one.want("app", 1)
    for _ in range(6):
        one.pass_time(501)
        one.crash("app", 0)
        one.pass_time(1)
        assert one.exactly_as_wanted()


def test_many_starts_are_spread() -> None:
    one = world(deas=4, starts_per_second=40)
    for number in range(50):
        one.want(f"app-{number}", 8)
    one.pass_time(60)
    one.kill_dea("dea-0")
    one.pass_time(60)
    assert one.exactly_as_wanted()
    by_second: dict[int, int] = {}
    for at, start in one.starts:
        by_second[at] = by_second.get(at, 0) + len(start.indices)
    assert max(by_second.values()) == 40
    assert sum(by_second.values()) == 100


def test_another_one_acts() -> None:
    one = world()
    one.want("app", 1)
    one.pass_time(60)
    one.crash("app", 0)
    assert one.core.tick(one.now + 1, act=False) == []
    # and when that one is gone, this one finds what is missing
    one.pass_time(40)
    assert one.exactly_as_wanted()


def test_what_is_wanted_was_not_read_for_too_long() -> None:
    one = world()
    one.want("app", 1)
    one.pass_time(60)
    heard = one.now
    while one.core.tick(heard, act=True) == [] and heard < one.now + 400:
        heard += 5
        one.core.heartbeat(Heartbeat(dea="dea-1", droplets=[]), heard)
    assert heard < one.now + 200  # the others are silent: lost, and started while what is wanted is trusted
    silent = world()
    silent.want("app", 1)
    silent.pass_time(60)
    later = silent.now + 181
    silent.core.heartbeat(Heartbeat(dea="dea-0", droplets=[]), later)
    assert silent.core.tick(later) == []
    assert not silent.core.trusted(later)


def test_tasks_are_left_alone() -> None:
    one = world()
    beat = Beat(droplet="task", version="v", instance="t1", index=0, state="RUNNING", state_timestamp=0, task=True)
    for later in range(0, 400, 5):
        one.core.heartbeat(Heartbeat(dea="dea-0", droplets=[beat]), one.now + later)
        assert one.core.tick(one.now + later) == []


def test_answers() -> None:
    one = world()
    one.want("app", 3)
    one.pass_time(60)
    one.crash("app", 2)
    healthy = answers.health(one.core, AppQuestion(droplet="app", version="v1"))
    assert healthy is not None
    assert healthy.healthy == 2
    assert answers.health(one.core, AppQuestion(droplet="none", version="v1")) is None
    [crashed] = answers.status(one.core, StatusQuestion(droplet="app", state="CRASHED")).instances
    assert crashed.since == one.now
    known = answers.droplet(one.core, AppQuestion(droplet="app"))
    assert known is not None
    assert (known.num_instances, len(known.instances), known.crashes) == (3, 2, {"2": 1})


def test_the_queue_keeps_urgency_and_rate() -> None:
    queue = Queue(2)
    for index, priority in enumerate([Priority.CRASHED, Priority.MISSING, Priority.CRASHED, Priority.DEA_GONE]):
        queue.add(Start("app", "v", index), priority)
    queue.add(Start("app", "v", 2), Priority.DEA_GONE)
    queue.add(Start("app", "v", 3), Priority.CRASHED)
    assert len(queue) == 4
    assert [one.index for one in queue.take(0, lambda _: True)] == [3, 2]
    assert queue.take(0.5, lambda _: True) == []
    assert [one.index for one in queue.take(1, lambda one: one.index != 1)] == [0]


def test_a_reading_that_began_before_a_change_does_not_settle_it() -> None:
    one, core = world(), world().core
    one.want("app", 1)
    core.read(one.wanted, 9, 10)
    core.updated("app", 11)
    core.read(one.wanted, 10, 12)
    core.read_all(10, 12)
    assert core.wanted.get("app") is None
    core.read(one.wanted, 11, 13)
    assert core.wanted.get("app") is not None
