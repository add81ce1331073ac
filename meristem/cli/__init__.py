"""The `meristem` command: the public bosh CLI's verbs and flags over the director's HTTP API."""

from __future__ import annotations
