"""`agent build OUT`."""

from __future__ import annotations

from meristem.cli.program_group import group

COMMAND = group("agent", "Build the agent.", {"build": ("agent.build", "Write the agent's program to OUT.")})
