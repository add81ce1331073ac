"""`stemcell build NAME`."""

from __future__ import annotations

from meristem.cli.program_group import group

COMMAND = group("stemcell", "Build stemcells.", {"build": ("stemcells build", "Build the stemcell NAME.")})
