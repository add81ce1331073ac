"""The image: a cached tree with the agent and the units appended, which any reader of tar.gz sees as one."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from stemcells import build, overlay, tree
from stemcells.recipe import Recipe, RecipeError, load


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agent.pyz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__main__.py", "print('agent')\n")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that holds a tree for the recipe: small, but packed by the builder's own compressor."""
    recipe = load("debian-12")
    place = tmp_path / "cache" / f"tree-{tree.digest(recipe, recipe.chosen([]))}"
    place.mkdir(parents=True)
    raw = tmp_path / "root.tar"
    with tarfile.open(raw, "w") as archive:
        for name in (".", "./etc", "./etc/systemd", "./usr"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o755
            archive.addfile(folder)
        data = b"bosh-stemcell\n"
        info = tarfile.TarInfo("./etc/hostname")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    names = tree._compress(raw, place / "root.tar.gz", 4)  # pyright: ignore[reportPrivateUsage]
    (place / "paths.txt").write_text("\n".join(names) + "\n")
    (place / "packages.txt").write_text("bash 5.2 amd64\n")
    return tmp_path / "cache"


def make(tmp_path: Path, cache: Path, agent: Path) -> build.Built:
    return build.build("debian-12", tmp_path / "out.tgz", agent=agent, cache=cache)


def test_the_stemcell_has_the_standard_shape(tmp_path: Path, cache: Path, agent: Path) -> None:
    built = make(tmp_path, cache, agent)
    with tarfile.open(built.path, "r:gz") as outer:
        parts = {member.name: outer.extractfile(member).read() for member in outer}  # type: ignore[union-attr]
    assert list(parts) == ["stemcell.MF", "packages.txt", "image"]
    manifest = yaml.safe_load(parts["stemcell.MF"])
    assert manifest["sha1"] == hashlib.sha1(parts["image"]).hexdigest() == built.image_sha1
    assert manifest["version"] == "1.0"
    assert manifest["stemcell_formats"] == ["libvirt-rootfs"]
    assert parts["packages.txt"] == b"bash 5.2 amd64\n"


def test_the_image_unpacks_as_one_tree_by_python_and_by_tar(tmp_path: Path, cache: Path, agent: Path) -> None:
    built = make(tmp_path, cache, agent)
    with tarfile.open(built.path, "r:gz") as outer:
        image = outer.extractfile("image").read()  # type: ignore[union-attr]
    with tarfile.open(fileobj=io.BytesIO(image), mode="r:gz") as inner:
        names = inner.getnames()
        mask = inner.getmember("./etc/systemd/system/systemd-remount-fs.service")
    assert len(names) == len(set(names))
    assert {"./etc/hostname", f"./{overlay.AGENT}", "./var/vcap/bosh/agent.json"} <= set(names)
    assert (mask.type, mask.linkname) == (tarfile.SYMTYPE, "/dev/null")
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run(["tar", "-xz", "-C", root], input=image, check=True)
    assert (root / "etc/hostname").read_text() == "bosh-stemcell\n"
    assert (root / overlay.AGENT).read_bytes() == agent.read_bytes()
    assert (root / "etc/sudoers.d/bosh_sudoers").stat().st_mode & 0o777 == 0o440
    assert (root / overlay.AGENT).stat().st_mode & 0o111 == 0o111


def test_the_same_input_comes_from_the_cache_and_a_new_agent_does_not(tmp_path: Path, cache: Path, agent: Path) -> None:
    first = make(tmp_path, cache, agent)
    again = make(tmp_path, cache, agent)
    assert (first.cached, again.cached) == (False, True)
    assert first.image_sha1 == again.image_sha1
    with zipfile.ZipFile(agent, "a") as archive:
        archive.writestr("more.py", "x = 1\n")
    changed = make(tmp_path, cache, agent)
    assert not changed.cached
    assert changed.image_sha1 != first.image_sha1


def test_a_file_that_a_package_brings_is_not_silently_replaced(tmp_path: Path, cache: Path, agent: Path) -> None:
    (next(cache.glob("tree-*")) / "paths.txt").write_text("etc\netc/sudoers.d/bosh_sudoers\n")
    with pytest.raises(RecipeError, match=r"etc/sudoers\.d/bosh_sudoers; the recipe's script must remove"):
        make(tmp_path, cache, agent)


def test_a_damaged_agent_is_refused(tmp_path: Path, cache: Path) -> None:
    broken = tmp_path / "broken.pyz"
    broken.write_bytes(gzip.compress(b"not a zip"))
    with pytest.raises(RecipeError, match="not a zip"):
        make(tmp_path, cache, broken)


def test_every_unit_that_is_enabled_exists(agent: Path) -> None:
    recipe: Recipe = load("debian-12")
    entries = {entry.path: entry for entry in overlay.entries(recipe, agent.read_bytes())}
    for unit, _ in recipe.enable:
        assert f"{overlay.UNITS}/{unit}" in entries
        assert entries[f"{overlay.UNITS}/{unit}"].target is None
