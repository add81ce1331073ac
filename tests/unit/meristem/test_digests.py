from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from meristem.formats import digests
from meristem.formats.errors import FormatError

SHA1 = hashlib.sha1(b"x").hexdigest()
SHA256 = "sha256:" + hashlib.sha256(b"x").hexdigest()
SHA512 = "sha512:" + hashlib.sha512(b"x").hexdigest()


@pytest.mark.parametrize(
    ("text", "strongest"),
    [
        (SHA1, SHA1),
        ("sha1:" + SHA1, SHA1),
        (SHA256, SHA256),
        (f"{SHA512};{SHA1};{SHA256}", SHA512),
        (f"{SHA1};blake9:00", SHA1),
        (SHA1.upper(), SHA1),
        (f" {SHA1} ; {SHA256};", SHA256),
    ],
)
def test_strongest(text: str, strongest: str) -> None:
    assert str(digests.strongest(text, place="x")) == strongest


@pytest.mark.parametrize("text", ["", ";", "blake9:00", "sha256:" + SHA1, SHA1[:-1], "g" * 40])
def test_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        digests.parse(text, place="release.MF:7")
    assert caught.value.code == 30015
    assert caught.value.place == "release.MF:7"


def test_verify_checks_the_strongest(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x")
    digests.verify_file(file, f"{'0' * 40};{SHA256}", place="f")
    digests.verify_bytes(b"x", SHA512, place="f")
    with pytest.raises(FormatError) as caught:
        digests.verify_file(file, f"{SHA1};sha256:{'0' * 64}", place="f", code=50007)
    assert caught.value.code == 50007
    assert SHA256 in caught.value.message
