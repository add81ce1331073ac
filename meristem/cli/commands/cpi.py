"""`cpi exec NAME`, `cpi new NAME`, `cpi check NAME`."""

from __future__ import annotations

from meristem.cli.program_group import group

COMMAND = group(
    "cpi",
    "Run, begin and check CPIs.",
    {
        "exec": ("cpi.exec", "Serve one CPI call from standard input, as an executable does."),
        "new": ("cpi.conformance.new", "Begin a CPI of your own: a package that keeps the contract."),
        "check": ("cpi.conformance", "Hold a CPI against every sentence of the contract."),
    },
)
