"""What a hypervisor would start of a stemcell for a cloud whose own hypervisor is not to be had."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.clouds)
            item.add_marker(pytest.mark.timeout(400))
