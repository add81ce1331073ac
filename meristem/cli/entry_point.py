"""Running programs of other packages by name, as `python -m` does, so that the CLI imports none of them."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from collections.abc import Sequence

from meristem.cli.failure import CliError


def run(module: str, words: Sequence[str]) -> None:
    """Runs a module as the main program with these words; its exit code becomes ours."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise CliError(f"The program '{module}' is not installed here.", "Install the whole meristem distribution.")
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:
        raise CliError(
            f"'{module}' needs the package '{error.name}'.", "Install meristem with the extra that brings it."
        ) from error
