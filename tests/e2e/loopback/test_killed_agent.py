"""The VM is there, and nothing in it answers."""

from __future__ import annotations

from tests.e2e.loopback.api import Api
from tests.e2e.loopback.comes_back import comes_back
from tests.e2e.loopback.world import World


def test_the_vm_comes_back(watched: World, api: Api) -> None:
    comes_back(watched, api, "kill_agent")
