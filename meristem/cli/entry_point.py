"""Calling programs of other packages by name, so that the CLI imports none of them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

from meristem.cli.failure import CliError


def call(target: str, arguments: Sequence[str]) -> None:
    """Calls `module:function` with a list of command-line words; a number it returns is the exit code."""
    module_name, _, name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise CliError(
                f"{module_name} needs the package '{error.name}'.", "Install meristem with its extra."
            ) from error
        raise CliError(f"{module_name} is not installed here.", "Install the whole meristem distribution.") from error
    function = cast("Callable[..., Any] | None", getattr(module, name, None))
    if function is None:
        raise CliError(f"{module_name} has no '{name}'.", "The installation is incomplete.")
    result = function(list(arguments)) if inspect.signature(function).parameters else function()
    if isinstance(result, int) and result != 0:
        raise SystemExit(result)
