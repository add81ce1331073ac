"""`director run --config FILE`."""

from __future__ import annotations

from meristem.cli.program_group import group

COMMAND = group("director", "The director.", {"run": ("director.main", "Run the director of --config FILE.")})
