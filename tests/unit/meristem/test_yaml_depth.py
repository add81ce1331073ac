"""A document nested without end is refused in a sentence: composing it would end the process."""

from __future__ import annotations

import pytest

from director.manifest.marks import read_yaml
from director.model.errors import BadRequest
from meristem.formats.errors import YamlError
from meristem.formats.yaml_marks import load

DEEP = ["[" * 60_000, "{a: " * 50_000, "- " * 60_000 + "x", "a:\n" + "".join(f"{' ' * n}- \n" for n in range(3000))]


@pytest.mark.parametrize("text", DEEP, ids=["lists", "hashes", "blocks", "lines"])
def test_both_readers_refuse_it(text: str) -> None:
    with pytest.raises(BadRequest, match="nested too deeply"):
        read_yaml(text, "m.yml")
    with pytest.raises(YamlError, match="nested too deeply"):
        load(text, "m.yml")


def test_what_is_long_and_flat_is_read() -> None:
    text = "a: [" + "1, " * 3000 + "1]\nb: " + "x" * 5000 + "\n"
    assert len(load(text, "m.yml")["a"]) == 3001  # type: ignore[index, call-overload, arg-type]
    assert read_yaml(text, "m.yml")[0]["b"] == "x" * 5000
