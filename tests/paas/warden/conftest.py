"""A warden for these tests."""

from __future__ import annotations

from tests.paas.warden.warden_fixtures import outside, warden, warden_process

__all__ = ["outside", "warden", "warden_process"]
