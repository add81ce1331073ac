from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from meristem.formats.errors import FormatError
from meristem.formats.stemcell_archive import open_stemcell, parse, read_manifest

IMAGE = b"an image" * 1000


def manifest(**changes: object) -> dict[str, object]:
    return {
        "name": "meristem-libvirt-lxc-debian-12",
        "version": "1.0",
        "operating_system": "debian-12",
        "sha1": hashlib.sha1(IMAGE).hexdigest(),
        "bosh_protocol": "1",
        "api_version": 3,
        "stemcell_formats": ["libvirt-rootfs"],
        "cloud_properties": {},
        **changes,
    }


def write(path: Path, pack: Callable[..., bytes], files: dict[str, bytes | str]) -> Path:
    path.write_bytes(pack(files))
    return path


def test_opens_and_leaves_nothing(pack, tmp_path: Path, scratch: Path) -> None:
    path = write(
        tmp_path / "s.tgz", pack, {"stemcell.MF": yaml.safe_dump(manifest()), "image": IMAGE, "packages.txt": ""}
    )
    with open_stemcell(path, scratch) as stemcell:
        assert stemcell.image.read_bytes() == IMAGE
        assert (stemcell.manifest.operating_system, stemcell.manifest.api_version) == ("debian-12", 3)
        assert stemcell.manifest.formats == ("libvirt-rootfs",)
    assert not list(scratch.iterdir())
    assert read_manifest(path).version == "1.0"


def test_defaults() -> None:
    found = parse("name: old\nversion: 621.74\nsha1: " + "0" * 40, "stemcell.MF")
    assert (found.operating_system, found.api_version, found.formats, found.version) == ("old", 1, (), "621.74")


def test_light_stemcell(pack, tmp_path: Path, scratch: Path) -> None:
    text = yaml.safe_dump(manifest(sha1=hashlib.sha1(b"").hexdigest()))
    with open_stemcell(write(tmp_path / "s.tgz", pack, {"stemcell.MF": text, "image": b""}), scratch) as stemcell:
        assert stemcell.image.stat().st_size == 0


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        ({"image": IMAGE}, 50000, "Stemcell manifest not found"),
        ({"stemcell.MF": yaml.safe_dump(manifest())}, 50001, "Stemcell image not found"),
        (
            {"stemcell.MF": yaml.safe_dump(manifest(sha1="0" * 40)), "image": IMAGE},
            50007,
            "Expected stream to have digest",
        ),
        ({"stemcell.MF": "name: x\nversion: 1\n", "image": IMAGE}, 40001, "'sha1' was not specified"),
        ({"stemcell.MF": yaml.safe_dump(manifest(api_version="x")), "image": IMAGE}, 40000, "expected an integer"),
        ({"stemcell.MF": yaml.safe_dump(manifest(cloud_properties=[])), "image": IMAGE}, 40000, "expected a hash"),
        ({"stemcell.MF": yaml.safe_dump(manifest(version="a/b")), "image": IMAGE}, 40005, "version invalid"),
        ({"stemcell.MF": "a: [", "image": IMAGE}, 710000, "invalid YAML"),
    ],
)
def test_refused(pack, tmp_path: Path, scratch: Path, files: dict[str, bytes | str], code: int, message: str) -> None:
    path = write(tmp_path / "s.tgz", pack, files)
    with pytest.raises(FormatError) as caught, open_stemcell(path, scratch):
        pass
    assert caught.value.code == code
    assert message in caught.value.message
    assert "s.tgz" in caught.value.place
    assert caught.value.remedy
    assert not list(scratch.iterdir())
    assert list(tmp_path.iterdir()) == [path, scratch] or set(tmp_path.iterdir()) == {path, scratch}


def test_no_archive(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "s.tgz"
    path.write_bytes(b"nope" * 300)
    with pytest.raises(FormatError) as caught, open_stemcell(path, scratch):
        pass
    assert caught.value.code == 50000
    assert caught.value.message.startswith("Extracting stemcell archive failed. Check task debug log for details.")
    assert not list(scratch.iterdir())
