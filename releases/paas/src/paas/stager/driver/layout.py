"""Where things are in the staging container. An application finds itself at the same places when it runs."""

from __future__ import annotations

from pathlib import Path

HOME = Path("/home/vcap")
APP = HOME / "app"
DEPS = HOME / "deps"
PROFILE = HOME / ".profile.d"
CACHE = HOME / "cache"
TMP = HOME / "tmp"
INFO = HOME / "staging_info.yml"

GIVEN = Path("/opt/staging")
"""Seen from the machine, read-only: ``package.zip``, ``cache.tgz``, ``plan.json``, ``buildpacks/N``."""
CODE = Path("/opt/stager")

RESULT = TMP / "result.json"
DROPLET = TMP / "droplet.tgz"
CACHE_ARCHIVE = TMP / "cache.tgz"
