"""The simulated cloud under the conformance kit, as a plugin in a worker: one test per case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

pytest_plugins = ["cpi.conformance.plugin"]


@pytest.fixture(scope="session")
def cpi_check(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A cloud whose minutes are seconds, so that calls take long enough to be cut off and the whole check a few seconds."""
    directory = tmp_path_factory.mktemp("conformance")
    config = directory / "check.yml"
    config.write_text(
        yaml.safe_dump(
            {
                "properties": {
                    "state_dir": str(directory / "cloud"),
                    "speed": 60,
                    "latency": {"create_vm": 3000, "default": 60},
                    "quota": {"disk_mib": 100_000},
                    "zones": ["z1"],
                },
                "managed_network": {"type": "manual", "range": "10.9.0.0/24", "cloud_properties": {}},
                "impossible": {
                    "vm": {"cloud_properties": {"zone": "nowhere"}},
                    "disk": {"size": 200_000},
                },
                "probes": {
                    "inventory": "tests.contract.cpi.sim_probes:inventory",
                    "settings": "tests.contract.cpi.sim_probes:settings",
                    "vanish": "tests.contract.cpi.sim_probes:vanish",
                },
            }
        )
    )
    return "sim", config


def test_contract(cpi_case: Callable[[], None]) -> None:
    cpi_case()
