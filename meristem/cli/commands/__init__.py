"""One file per verb; each is imported only when its verb is used."""

from __future__ import annotations
