"""Whatever happens to the platform, in virtual time: all becomes as wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.paas.health_manager.world import World, world

events = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.sampled_from("abc"), st.integers(0, 4), st.sampled_from(["v1", "v2"])),
        st.tuples(st.just("stop"), st.sampled_from("abc")),
        st.tuples(st.just("crash"), st.sampled_from("abc"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("kill"), st.integers(0, 9)),
        st.tuples(st.just("evacuate"), st.integers(0, 9)),
        st.tuples(st.just("new dea")),
        st.tuples(st.just("outage"), st.integers(1, 120), st.booleans()),
        st.tuples(st.just("stray"), st.sampled_from("abcd"), st.integers(0, 5), st.sampled_from(["v0", "v1"])),
        st.tuples(st.just("wait"), st.integers(1, 100)),
    ),
    max_size=14,
)


@given(events)
def test_whatever_happens_all_becomes_as_wanted(happened: list[tuple[object, ...]]) -> None:
    """Some time after the last event each wanted index runs once, nothing else does, and no start was said blindly."""
    one = world(give_up=0)
    for event in happened:
        _happen(one, event)
        one.pass_time(3)
    one.pass_time(900)
    assert one.exactly_as_wanted(), {app: one.indices(app) for app in "abcd"}
    said = len(one.starts), len(one.stops)
    one.pass_time(300)
    assert (len(one.starts), len(one.stops)) == said
    for at, start in one.starts:
        assert len(start.indices) <= one.timings.starts_per_second, at


def _happen(one: World, event: tuple[object, ...]) -> None:
    match event:
        case ("want", str(app), int(instances), str(version)):
            one.want(app, instances, version)
        case ("stop", str(app)) if app in one.wanted:
            one.want(app, one.wanted[app].instances, one.wanted[app].version, "STOPPED")
        case ("crash", str(app), int(index), bool(silent)):
            one.crash(app, index, silent=silent)
        case ("kill" | "evacuate" as how, int(number)) if len(stay := sorted(one.deas.keys() - one.leaving.keys())) > 1:
            name = stay[number % len(stay)]
            (one.kill_dea if how == "kill" else one.evacuate)(name)
        case ("new dea",):
            one.deas[f"dea-{one.now}"] = []
        case ("outage", int(seconds), bool(noticed)):
            one.bus_away(noticed=noticed)
            before = len(one.starts)
            one.pass_time(seconds)
            if noticed or seconds > 30:
                assert all(at - one.now + seconds <= 30 for at, _ in one.starts[before:])
            one.bus_back(noticed=noticed)
        case ("stray", str(app), int(index), str(version)):
            one.run(app, version, index)
        case ("wait", int(seconds)):
            one.pass_time(seconds)
        case _:
            pass
