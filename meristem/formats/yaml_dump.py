"""YAML output in block style, keys in the order given."""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

# Plain, these are strings to PyYAML but numbers to other readers: digests such as 12e345.
_NUMBER_ELSEWHERE = re.compile(r"^[-+]?(?:[0-9._]+(?:[eE][-+]?[0-9]+)?|0o[0-7_]+)$")


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _string(dumper: _Dumper, data: str) -> yaml.ScalarNode:
    style = "|" if "\n" in data else "'" if _NUMBER_ELSEWHERE.match(data) else None
    return cast(Any, dumper).represent_scalar("tag:yaml.org,2002:str", data, style=style)


cast(Any, _Dumper).add_representer(str, _string)


def dump(value: object) -> str:
    """Block-style YAML text without aliases; long strings keep their lines."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=4096)
    return text.removesuffix("...\n")
