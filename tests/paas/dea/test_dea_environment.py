"""What an instance finds in its environment, what a DEA has left, which instances a message means: pure."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from paas.dea.capacity import Capacity, counts
from paas.dea.environment import environment
from paas.dea.instances import same_place
from paas.dea.record import LIVE, Record, born, load, save
from paas.dea.select import found_by, stopped_by
from paas.messages.dea import Find, Limits, Start, State, Stop

STATES: list[State] = ["BORN", "STARTING", "RUNNING", "STOPPING", "STOPPED", "CRASHED", "EVACUATING"]


def message(**more: Any) -> Start:
    return Start(
        **{
            "droplet": "p1",
            "version": "v1",
            "index": 3,
            "name": "shop",
            "uris": ["shop.test"],
            "sha1": "0" * 64,
            "executable_uri": "http://x",
            "limits": Limits(mem=128, disk=256),
            **more,
        }
    )


def variables(start: Start) -> dict[str, str]:
    record = born(start)
    record.container_ip = "10.254.0.2"
    return environment(start, record, "10.0.0.5", 61001)


def test_what_the_user_says_does_not_hide_what_the_platform_says() -> None:
    found = variables(message(env=["PORT=1", "VCAP_SERVICES=x", "LANG=de_DE.UTF-8", "EMPTY=", "A=b=c", "novalue"]))
    assert (found["PORT"], found["VCAP_SERVICES"], found["LANG"]) == ("8080", "{}", "de_DE.UTF-8")
    assert (found["EMPTY"], found["A"]) == ("", "b=c")
    assert "novalue" not in found
    assert (found["CF_INSTANCE_ADDR"], found["CF_INSTANCE_INTERNAL_IP"]) == ("10.0.0.5:61001", "10.254.0.2")


def test_the_application_is_described_as_the_cloud_controller_does_and_by_what_only_the_dea_knows() -> None:
    found = variables(message(app="a1", vcap_application={"application_name": "Shop", "space_id": "s1"}))
    told = json.loads(found["VCAP_APPLICATION"])
    assert (told["application_name"], told["space_id"], told["application_id"]) == ("Shop", "s1", "a1")
    assert (told["instance_index"], told["instance_id"], told["port"]) == (3, found["INSTANCE_GUID"], 8080)


def test_services_stand_under_their_label() -> None:
    one = {"label": "postgres", "name": "db", "credentials": {"uri": "postgres://u:p@h/d"}}
    two = {"label": "user-provided", "name": "mail", "credentials": {"uri": "smtp://h"}}
    found = variables(message(services=[two, one]))
    assert json.loads(found["VCAP_SERVICES"]) == {"user-provided": [two], "postgres": [one]}
    assert found["DATABASE_URL"] == "postgres://u:p@h/d"
    assert variables(message(services=[one], env=["DATABASE_URL=mine"]))["DATABASE_URL"] == "mine"
    assert "DATABASE_URL" not in variables(message(services=[two]))


def records(*states: State) -> list[Record]:
    found = [born(message(index=index)) for index, _ in enumerate(states)]
    for record, state in zip(found, states, strict=True):
        record.turn(state)
    return found


@given(st.lists(st.sampled_from(STATES), max_size=9))
def test_what_is_left_is_what_is_not_held_by_the_living(states: list[State]) -> None:
    capacity = Capacity(memory=1024, disk=2048)
    living = sum(state in LIVE for state in states)
    assert capacity.available(records(*states)) == (1024 - 128 * living, 2048 - 256 * living)
    assert counts(records(*states)) == ({"p1": living} if living else {})
    assert bool(capacity.lack(Limits(mem=128, disk=1), records(*states))) == (living >= 8)


def test_what_there_is_too_little_of_is_named() -> None:
    capacity = Capacity(memory=200, disk=300)
    assert "256 MB of memory wanted, 72 MB are left" in capacity.lack(Limits(mem=256, disk=1), records("RUNNING"))
    assert "64 MB of disk wanted, 44 MB are left" in capacity.lack(Limits(mem=8, disk=64), records("RUNNING"))


def test_a_stop_means_what_all_of_its_filters_leave() -> None:
    zero, one = records("RUNNING", "CRASHED")
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [0, 1]),
        ({"indices": [1]}, [1]),
        ({"indices": []}, []),
        ({"states": ["RUNNING"]}, [0]),
        ({"version": "v2"}, []),
        ({"version": "v1", "instances": [one.instance], "indices": [0]}, []),
        ({"instances": [one.instance]}, [1]),
    ]
    for filters, expected in cases:
        found = [record.index for record in (zero, one) if stopped_by(Stop(droplet="p1", **filters), record)]
        assert found == expected, filters
        renamed = {"instance_ids" if key == "instances" else key: value for key, value in filters.items()}
        found = [record.index for record in (zero, one) if found_by(Find(droplet="p1", **renamed), record)]
        assert found == expected, renamed
    assert not stopped_by(Stop(droplet="p2"), zero)


def test_a_place_is_filled_until_its_instance_ends() -> None:
    filled = {state: same_place(records(state), "p1", "v1", 0) is not None for state in STATES}
    assert {state for state, yes in filled.items() if yes} == {"BORN", "STARTING", "RUNNING"}
    assert same_place(records("RUNNING"), "p1", "v2", 0) is None


def test_a_snapshot_is_read_as_it_was_written_and_a_broken_one_as_empty(tmp_path: Any) -> None:
    file = tmp_path / "instances.json"
    assert load(file) == []
    written = records("RUNNING", "CRASHED")
    save(file, written)
    assert load(file) == written
    file.write_text(file.read_text()[:-5])
    assert load(file) == []
