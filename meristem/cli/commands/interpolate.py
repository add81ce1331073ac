"""`interpolate`: variables and ops files applied locally."""

from __future__ import annotations

from typing import Any

from meristem.cli import template
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, flag, option
from meristem.formats import ops_files, yaml_dump


@command(
    "interpolate",
    argument("path"),
    *template.options(),
    option("--path", "inside", metavar="/A/B", help="Show only the value at this path."),
    flag("--var-errs", help="Fail if a variable is not found."),
    flag("--var-errs-unused", help="Fail if a variable is not used."),
)
def COMMAND(
    session: Session, path: str, inside: str | None, var_errs: bool, var_errs_unused: bool, **flags: Any
) -> None:
    """Fill variables and apply ops files in a YAML file."""
    document = template.evaluate(path, flags, expect_found=var_errs, expect_used=var_errs_unused)
    if inside:
        document = ops_files.find(document, inside)
    session.screen.block(document + "\n" if isinstance(document, str) else yaml_dump.dump(document))
