"""What a request asks for becomes options and states."""

from __future__ import annotations

import pytest

from director.model.errors import BadRequest, NotFound
from director.model.rows import DeploymentRow, InstanceRow, VariableSetRow
from director.service.pinning import next_set, rotated
from director.service.request import DeployRequest, StateChange, options_of

ROWS = [
    InstanceRow(id="a", deployment="d", group="web", index=0, agent_id="1"),
    InstanceRow(id="b", deployment="d", group="web", index=1, agent_id="2"),
    InstanceRow(id="c", deployment="d", group="db", index=0, agent_id="3"),
    InstanceRow(id="e", deployment="d", group="smoke", index=0, lifecycle="errand"),
]
AGES = {"a": 10.0, "b": 20.0, "c": 30.0}


def asked(**fields: object) -> tuple[set[str], set[str], dict[str, str]]:
    options, states = options_of(DeployRequest("d", "", **fields), ROWS, AGES, 32)  # type: ignore[arg-type]
    return set(options.recreate), set(options.restart), states


def test_a_plain_deploy_asks_for_nothing() -> None:
    assert asked() == (set(), set(), {})


def test_recreate_of_all_or_of_the_old_ones() -> None:
    assert asked(recreate=True)[0] == {"*"}
    assert asked(recreate=True, recreate_vms_created_before=20.0)[0] == {"a", "e"}
    assert asked(recreate_vms_created_before=20.0)[0] == set(), "only together with recreate"


@pytest.mark.parametrize(
    ("group", "instance", "chosen"),
    [("web", "", {"a", "b"}), ("web", "1", {"b"}), ("web", "a", {"a"}), ("*", "", {"a", "b", "c"})],
)
def test_states_of_those_who_are_named(group: str, instance: str, chosen: set[str]) -> None:
    for state in ("started", "stopped", "detached"):
        assert asked(change=StateChange(group, state, instance)) == (set(), set(), dict.fromkeys(chosen, state))
    assert asked(change=StateChange(group, "restart", instance)) == (set(), chosen, dict.fromkeys(chosen, "started"))
    assert asked(change=StateChange(group, "recreate", instance)) == (chosen, set(), dict.fromkeys(chosen, "started"))


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (StateChange("ghost", "stopped"), 70009, "db, smoke, web"),
        (StateChange("web", "stopped", "7"), 70001, "web/a (0), web/b (1)"),
    ],
)
def test_unknown_names_are_refused_with_those_that_are_known(change: StateChange, code: int, told: str) -> None:
    with pytest.raises(NotFound) as caught:
        asked(change=change)
    assert caught.value.code == code
    assert told in caught.value.description


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        asked(change=StateChange("web", "asleep"))
    assert caught.value.code == 40005


SETS = [VariableSetRow(id=3, deployment="d", pins={"/x": "1"})]


def test_a_set_is_kept_while_its_pins_are() -> None:
    row = DeploymentRow(name="d", variable_set=3)
    assert next_set("d", row, {"/x": "1"}, SETS, "task/9") == (3, ())
    assert next_set("d", row, {"/x": "2"}, SETS, "task/9") == (
        9,
        (VariableSetRow(id=9, deployment="d", pins={"/x": "2"}),),
    )
    assert next_set("d", None, {}, [], "task/9") == (0, ())
    assert next_set("d", None, {"/x": "1"}, [], "preview")[0] == 0


def test_rotated_are_those_with_another_version() -> None:
    assert rotated({"/a": "1", "/b": "1", "/gone": "1"}, {"/a": "1", "/b": "2", "/new": "1"}) == {"/b"}
