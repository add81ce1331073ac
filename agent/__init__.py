"""The Meristem agent: runs on a VM, speaks the BOSH agent protocol over NATS."""

from __future__ import annotations

__version__ = "0.1.0"
