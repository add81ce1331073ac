"""Programs of the machine that tests work with. PostgreSQL is found by the fixtures of `tests/conftest.py`."""

from __future__ import annotations

import shutil

import pytest


def need(*programs: str, module: bool = False) -> None:
    """Skip the test (with ``module``: all of the module or folder that is being read) unless these are on the PATH."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed", allow_module_level=module)
