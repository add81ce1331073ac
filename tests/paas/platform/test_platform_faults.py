"""Under a steady load, parts of the platform die: no request fails that another instance could have served."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.e2e.lab.site import until
from tests.paas.platform.platform_site import APPS, ROUTER, Platform


def _kill(platform: Platform, instance: str, process: str) -> None:
    """SIGKILL of a job's process by its pid file; the supervisor starts it again."""
    platform.on(instance, f"kill -9 $(cat /var/vcap/sys/run/{process}/{process}.pid)")


def _a_backend(platform: Platform) -> None:
    """One instance of the app, without a word."""
    kill = "pid=$(pgrep -of '[p]ython3 -m probe') && kill -9 $pid && echo killed; true"
    assert any("killed" in platform.on(f"dea/{index}", kill) for index in (0, 1)), "no VM runs an instance"


FAULTS: dict[str, Callable[[Platform], None]] = {
    "a server of the bus": lambda platform: _kill(platform, "nats/0", "nats"),
    "a backend": _a_backend,
    "the DEA's agent": lambda platform: _kill(platform, "dea/0", "dea"),
    "the warden": lambda platform: _kill(platform, "dea/0", "warden"),
    "the locator": lambda platform: _kill(platform, "control/0", "router_locator"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_request_fails(platform: Platform, steady: str, fault: str) -> None:
    with platform.load(steady) as outcome:
        time.sleep(2)  # a stretch of load before, one after: what is measured is requests, not these waits
        FAULTS[fault](platform)
        time.sleep(8)
    assert outcome.bad == [], f"{outcome}"
    assert outcome.good > 500, f"{outcome}"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_route_registered_afterwards_answers_within_five_seconds(platform: Platform, steady: str, fault: str) -> None:
    host = f"late-{list(FAULTS).index(fault)}"
    FAULTS[fault](platform)
    platform.paas("map-route", steady, APPS, "--hostname", host)
    answers = re.compile(r"^probe \d")

    def served() -> bool:
        command = ["curl", "-s", "--max-time", "5", "-H", f"Host: {host}.{APPS}", f"http://{ROUTER}/"]
        done = subprocess.run(platform.site.lab.command(command), check=False, capture_output=True, text=True)
        return bool(answers.match(done.stdout))

    until(f"a route after the death of {fault}", 5, served)
