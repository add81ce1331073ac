"""The local lab: a network namespace with its own libvirtd, for the demo and for tests; and a disposable bare machine.

For tests: `lab.up(directory, name)` gives a `Lab` with `.exec`, `.command`, `.libvirt_uri`, `.address` and `.down()`.
"""

from __future__ import annotations

from lab.errors import LabError
from lab.house import Lab, open_lab, up
from lab.record import LabRecord

__all__ = ["Lab", "LabError", "LabRecord", "open_lab", "up"]
