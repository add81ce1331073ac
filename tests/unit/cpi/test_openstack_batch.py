"""Many threads that wait for objects of one kind ask for them together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cpi.openstack.batch import Batch, pause


def test_waits_of_many_are_one_question(monkeypatch):
    monkeypatch.setattr("cpi.openstack.batch.GATHER", 0.5)
    batch, asked, ready = Batch(), [], threading.Barrier(20)

    def fetch(ids):
        asked.append(set(ids))
        return {one: {"id": one} for one in ids if one != "n7"}

    def look(name):
        ready.wait()
        return batch.look(name, fetch)

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(look, [f"n{number}" for number in range(20)]))
    assert [one and one["id"] for one in found] == [None if n == 7 else f"n{n}" for n in range(20)]
    assert len(asked) < 10 and set().union(*asked) == {f"n{number}" for number in range(20)}


def test_anothers_fault_is_not_this_calls():
    batch, together = Batch(), threading.Barrier(2)

    def fails(_):
        raise RuntimeError("mine")

    def look(fetch):
        together.wait()
        return batch.look("a", fetch)

    with ThreadPoolExecutor(2) as pool:
        bad, good = pool.submit(look, fails), pool.submit(look, lambda ids: {one: {"id": one} for one in ids})
        assert good.result() == {"id": "a"}
        # whoever asked first asked for both
        if bad.exception() is not None:
            with pytest.raises(RuntimeError, match="mine"):
                bad.result()


def test_old_waits_ask_less_often_and_never_above_the_interval():
    assert all(
        0 < pause(waited, 5.0) <= most for waited, most in ((0, 0.26), (3, 0.51), (10, 1.01), (30, 2.01), (99, 5.01))
    )
    assert pause(99, 0.1) <= 0.11
