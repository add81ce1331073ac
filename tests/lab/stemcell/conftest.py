"""A lab with the stemcell's root tree in it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import lab
from stemcells.build import build


@pytest.fixture(scope="module")
def house() -> Iterator[lab.Lab]:
    top = Path(os.environ.get("MERISTEM_RUN", "/var/lib/meristem")) / f"stemcell-{secrets.token_hex(4)}"
    made = lab.up(top / "lab")
    try:
        yield made
    finally:
        made.down()
        shutil.rmtree(top)


@pytest.fixture(scope="module")
def stemcell(house: lab.Lab) -> Path:
    """The stemcell of this tree, as `python -m stemcells build debian-12` makes it."""
    out = house.directory / "stemcell.tgz"
    build("debian-12", out, say=print)
    return out


@pytest.fixture(scope="module")
def root(house: lab.Lab, stemcell: Path) -> Path:
    """The root tree, unpacked with the permissions and owners it has in the image."""
    place = house.directory / "root"
    place.mkdir()
    with tarfile.open(stemcell, "r:gz") as outer:
        outer.extract("image", house.directory)
    subprocess.run(["tar", "-xzf", house.directory / "image", "--numeric-owner", "-C", place], check=True)
    return place
