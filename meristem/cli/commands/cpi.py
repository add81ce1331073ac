"""`cpi exec NAME`."""

from __future__ import annotations

from meristem.cli.program_group import group

COMMAND = group(
    "cpi", "Run CPIs.", {"exec": ("cpi.exec", "Serve one CPI call from standard input, as an executable does.")}
)
