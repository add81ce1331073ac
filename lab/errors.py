"""The lab's one error."""

from __future__ import annotations


class LabError(Exception):
    """Something the lab needs is missing or refused; the text says what and what to do."""
