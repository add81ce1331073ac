"""Meristem: a deployment orchestrator that speaks BOSH."""

from __future__ import annotations

__version__ = "0.1.0"
