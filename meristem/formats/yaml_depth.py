"""How deep a YAML document is nested, told before it is composed: libyaml composes by recursion in C, and a document that is deep enough ends the process."""

from __future__ import annotations

import yaml

DEEPEST = 1000
"""Far more than documents have, far less than the stack takes."""


def check_depth(text: str) -> None:
    """RecursionError where a document is nested deeper than `DEEPEST`; what cannot be that deep is not read for it."""
    if text.count("[") + text.count("{") < DEEPEST and max(map(len, text.splitlines()), default=0) < DEEPEST:
        # each level of a block takes a column of some line at least, but for a list at its key's own
        return
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise RecursionError("nested too deeply")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            depth -= 1
