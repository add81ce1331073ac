"""Values that several nouns' bodies have: names, counts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=PRINTABLE)]
"""What people call a thing."""
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""Zero or more; what a column can hold."""
