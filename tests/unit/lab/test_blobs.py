"""Blobs of the PaaS release: what is in the cache is laid where the packages look for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lab.blobs import debs, fill
from lab.blobs.debs import Deb
from lab.blobs.place import DEB_LOCK, ENGINES, RELEASE, WHEEL_LOCK


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that has a file for each package and wheel of the locks."""
    monkeypatch.setenv("MERISTEM_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "cache/blobs"
    (place / "debs").mkdir(parents=True)
    for deb in debs.read_lock(DEB_LOCK):
        name = f"{deb.name}_{deb.version.replace(':', '%3a')}_{deb.architecture}.deb"
        (place / "debs" / name).write_text(deb.name)
    wheels = place / "wheels" / hashlib.sha256(WHEEL_LOCK.read_bytes()).hexdigest()[:16]
    wheels.mkdir(parents=True)
    (wheels / "one-1-py3-none-any.whl").write_text("wheel")
    return place


def test_every_engine_has_its_packages_and_nothing_of_an_earlier_fill(cache: Path, tmp_path: Path) -> None:
    release = tmp_path / "release"
    (release / "blobs/nats").mkdir(parents=True)
    (release / "blobs/nats/old.deb").write_text("old")
    for _ in range(2):  # a second time changes nothing
        fill.fill_engines(release, print)
    found = {path.relative_to(release / "blobs") for path in (release / "blobs").rglob("*") if path.is_file()}
    wanted = {Path(deb.engine, f"{deb.name}.deb") for deb in debs.read_lock(DEB_LOCK)}
    assert found == wanted | {Path("wheels/one-1-py3-none-any.whl")}
    assert (release / "blobs/nats/nats-server.deb").read_text() == "nats-server"


def test_what_was_taken_instead_of_a_locked_version_is_not_asked_for_again(cache: Path, tmp_path: Path) -> None:
    (locked,) = (cache / "debs").glob("nats-server_*.deb")
    locked.rename(locked.with_suffix(".instead.deb"))
    told: list[str] = []
    fill.fill_engines(tmp_path / "release", told.append)
    assert (tmp_path / "release/blobs/nats/nats-server.deb").read_text() == "nats-server"
    assert told == []


def test_a_package_with_another_digest_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x_1_amd64.deb"
    file.write_bytes(b"not what was locked")
    with pytest.raises(fill.LabError, match=r"x_1_amd64\.deb: SHA-256 is .*, the lock has 0{64}"):
        debs.check(file, Deb("nats", "x", "1", "amd64", "0" * 64))


def test_each_engine_of_the_lock_is_asked_for_and_has_a_package() -> None:
    locked = {deb.engine for deb in debs.read_lock(DEB_LOCK)}
    assert {f"[{engine}]" for engine in locked} == {
        line.strip() for line in ENGINES.read_text().splitlines() if line.startswith("[")
    }
    assert all((RELEASE / "packages" / engine / "packaging").is_file() for engine in locked)
