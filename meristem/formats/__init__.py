"""Releases, stemcells, ops files, interpolation and digests: shared by the CLI and the director."""

from __future__ import annotations
