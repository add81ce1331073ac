"""One lab for all workers of a run: it goes with the last of them, not with the first that ends."""

from __future__ import annotations

from lab.openstack.shared import leave, shared


def test_the_lab_stays_while_somebody_uses_it(stack):
    before = stack.processes()
    with shared(stack.directory) as found:
        assert found.processes() == before
    assert stack.processes() == before, "it went with one of two users"
    assert not leave(stack.directory), "it was said to be left behind while it is used"
    assert stack.processes() == before
