"""The table of routes by itself: addresses, refusals, forgetting, and against a plain model of all that happened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paas.messages.router import Register
from paas.router.table import RefusedError, Table
from paas.router.uris import patterns, split_uri


def register(port: int, *uris: str, instance: str = "", **more: object) -> Register:
    return Register(**{"host": "10.0.0.1", "port": port, "uris": list(uris), "private_instance_id": instance, **more})


def ports(table: Table, host: str, path: str = "") -> list[int]:
    return next(([one.port for one in route.endpoints] for route in table.lookup(host) if route.path == path), [])


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("App.Example.com", ("app.example.com", "")),
        ("app.example.com/", ("app.example.com", "")),
        ("app.example.com//A/b/?q=1", ("app.example.com", "/a/b")),
        ("*.example.com/v1", ("*.example.com", "/v1")),
        ("", None),
        ("/path", None),
        ("two words.example.com", None),
        ("x" * 3000, None),
    ],
)
def test_uris(uri: str, expected: tuple[str, str] | None) -> None:
    assert split_uri(uri) == expected


def test_patterns() -> None:
    assert list(patterns("a.b.c")) == ["a.b.c", "*.b.c", "*.c"]
    assert list(patterns("*.b.c")) == ["*.b.c", "*.c"]
    assert list(patterns("one")) == ["one"]


def test_the_nearest_route_comes_first() -> None:
    table = Table()
    for number, uri in enumerate(["*.c", "*.b.c", "*.b.c/p", "a.b.c/p/q", "a.b.c/p"], start=1):
        table.register(register(number, uri), 0)
    assert [(route.path, route.endpoints[0].port) for route in table.lookup("A.b.c")] == [
        ("/p/q", 4),
        ("/p", 5),
        ("/p", 3),
        ("", 2),
    ]
    assert [route.endpoints[0].port for route in table.lookup("x.c")] == [1]
    assert table.lookup("c") == []


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (register(0, "a.b"), "no port"),
        (register(0, "a.b", tls_port=443), "only a TLS port, and no CA"),
        (register(1), "no uris"),
        (register(1, ""), "no uris"),
        (register(1, "a.b", host="node.internal"), "no IP address"),
        (register(70000, "a.b"), "no port"),
    ],
)
def test_refusals(message: Register, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        Table().register(message, 0)


def test_tls_is_preferred_where_it_can_be_checked() -> None:
    message = register(80, "a.b", tls_port=443, server_cert_domain_san="san")
    for use_tls, port in ((True, 443), (False, 80)):
        table = Table(use_tls=use_tls)
        table.register(message, 0)
        [one] = table.lookup("a.b")[0].endpoints
        assert (one.port, one.tls, one.san) == (port, use_tls, "san")
        assert table.unregister(message, 1)
        assert table.lookup("a.b") == []


def test_a_port_that_another_instance_has_now_leads_there_only() -> None:
    table = Table()
    table.register(register(1, "old.x", "old.x/p", instance="old"), 0)
    assert table.register(register(1, "new.x", instance="new"), 1)
    assert table.lookup("old.x") == []
    assert ports(table, "new.x") == [1]
    # a late farewell of the old one
    assert not table.unregister(register(1, "new.x", instance="old"), 2)
    assert ports(table, "new.x") == [1]


def test_what_is_not_seen_is_pruned_by_its_own_threshold() -> None:
    table = Table(stale=120)
    table.register(register(1, "a.x"), 0)
    table.register(register(2, "a.x", stale_threshold_in_seconds=30), 0)
    table.register(register(3, "a.x", stale_threshold_in_seconds=900), 0)
    assert table.prune(30, 0) == 0
    assert table.prune(31, 0) == 1
    assert sorted(ports(table, "a.x")) == [1, 3]
    assert table.prune(121, 100) == 0  # nobody could be heard before 100
    assert table.prune(221, 100) == 2
    assert (table.endpoints, table.routes) == (0, 0)


def test_an_empty_route_is_known_for_a_while() -> None:
    table = Table(empty=60)
    table.register(register(1, "a.x/p"), 0)
    table.unregister(register(1, "a.x/p"), 10)
    [route] = table.lookup("a.x")
    assert (route.path, route.endpoints) == ("/p", [])
    table.prune(71, 0)
    assert table.lookup("a.x") == []


URIS = ["a.x", "a.x/p", "*.x", "b.x", "b.x/p/q"]
steps = st.lists(
    st.tuples(
        st.sampled_from(["register", "unregister", "prune"]),
        st.integers(1, 3),
        st.lists(st.sampled_from(URIS), min_size=1, max_size=3),
        st.sampled_from(["", "i", "j"]),
        st.integers(0, 80),
    ),
    max_size=30,
)


@given(steps)
def test_the_table_is_what_a_plain_list_of_facts_says(all_: list[tuple[str, int, list[str], str, int]]) -> None:
    """The model: (uri, port) -> instance and when it was seen."""
    table, model, now = Table(stale=120), dict[tuple[str, int], tuple[str, int]](), 0
    for what, port, uris, instance, later in all_:
        now += later
        if what == "prune":
            model = {key: value for key, value in model.items() if now - value[1] <= 120}
            table.prune(now, 0)
        elif what == "register":
            other = {
                key for key, (known, _) in model.items() if key[1] == port and known and instance and known != instance
            }
            model = {key: value for key, value in model.items() if key not in other}
            model |= {(uri, port): (instance, now) for uri in uris}
            table.register(register(port, *uris, instance=instance), now)
        else:
            for uri in uris:
                known = model.get((uri, port), ("", 0))[0]
                if not (known and instance and known != instance):
                    model.pop((uri, port), None)
            table.unregister(register(port, *uris, instance=instance), now)
        listed = {(uri, one.port): (one.instance, one.seen) for uri, pool in table.listing() for one in pool}
        assert listed == model
        assert table.routes == len({uri for uri, _ in model})
        assert table.endpoints == len({port for _, port in model})
