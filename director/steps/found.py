"""What clouds were asked about the keys of many creations at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Question(NamedTuple):
    """What became of a creation: ``cpi`` as the step names it, ``kind`` as the contract does (vm, disk, stemcell, snapshot), and its key."""

    cpi: str
    kind: str
    key: str


@dataclass
class Found:
    """Answers by question: a CID, or None for what is not there. Each serves once: who must ask again asks the cloud, as the world moves on."""

    answers: dict[Question, str | None] = field(default_factory=dict[Question, "str | None"])

    def take(self, question: Question) -> tuple[str | None] | None:
        """The answer, in a tuple of its own; None when there is none."""
        return (self.answers.pop(question),) if question in self.answers else None
