"""`director run --config FILE`, `director bus-sync --config FILE`."""

from __future__ import annotations

from meristem.cli.program_group import group

COMMAND = group(
    "director",
    "The director, and the sync process of an external bus.",
    {
        "run": ("director.main", "Run the director of --config FILE."),
        "bus-sync": ("director.bus_sync", "Keep the users of one nats-server to what the directors say."),
    },
)
