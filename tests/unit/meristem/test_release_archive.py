from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from meristem.formats.release_archive import open_release, read_manifest, unpacked


@pytest.mark.parametrize("prefix", ["./", ""])
@pytest.mark.parametrize("compress", [True, False])
def test_opens_and_leaves_nothing(made, tmp_path: Path, scratch: Path, prefix: str, compress: bool) -> None:
    archive = made.write(tmp_path / "r.tgz", prefix=prefix, compress=compress)
    with open_release(archive, scratch) as release:
        assert (release.manifest.name, release.manifest.version) == ("demo", "1.2")
        job = release.jobs[0]
        assert job.job.spec.templates == {"ctl.erb": "bin/ctl"}
        assert job.job.templates["ctl.erb"] == b"#!/bin/bash\n"
        assert job.job.spec.properties["nothing"].has_default
        assert not job.job.spec.properties["must"].has_default
        assert release.packages[0].archive is not None
        assert release.packages[0].archive.read_bytes() == made.package
        assert list(scratch.iterdir())
    assert not list(scratch.iterdir())


def test_binary_values_are_text(made, tmp_path: Path, scratch: Path) -> None:
    made.members()
    text = made.extra["release.MF"] = (
        "name: demo\nversion: !binary |-\n  " + base64.b64encode(b"7+dev.2").decode() + "\n"
        "jobs:\n- name: web\n  version: f1\n  fingerprint: !binary |-\n    "
        + base64.b64encode(b"f1").decode()
        + "\n  sha1: !binary |-\n    "
        + base64.b64encode(made.manifest["jobs"][0]["sha1"].encode()).decode()
        + "\n  packages: [greeter]\npackages:\n- name: greeter\n  version: f2\n  fingerprint: f2\n  dependencies: []\n  sha1: "
        + made.manifest["packages"][0]["sha1"]
        + "\n"
    )
    assert "!binary" in text
    with open_release(made.write(tmp_path / "r.tgz"), scratch) as release:
        assert release.manifest.version == "7+dev.2"
        assert release.jobs[0].entry.fingerprint == "f1"


def test_package_may_be_left_out(made, tmp_path: Path, scratch: Path) -> None:
    made.left_out.add("packages/greeter.tgz")
    with open_release(made.write(tmp_path / "r.tgz"), scratch) as release:
        assert release.packages[0].archive is None


def test_uncompressed_package_inside(made, pack, tmp_path: Path, scratch: Path) -> None:
    made.package = pack({"packaging": "true\n"}, compress=False)
    with open_release(made.write(tmp_path / "r.tgz"), scratch) as release:
        assert release.packages[0].archive is not None


def test_compiled_release(made, tmp_path: Path, scratch: Path) -> None:
    made.members()
    made.manifest["compiled_packages"] = [{**made.manifest.pop("packages")[0], "stemcell": "debian-12/1.0"}]
    made.manifest["packages"] = [{}]
    made.extra["compiled_packages/greeter.tgz"] = made.package
    with open_release(made.write(tmp_path / "r.tgz"), scratch) as release:
        assert release.manifest.compiled
        assert release.packages[0].entry.stemcell == "debian-12/1.0"


def test_strongest_digest_counts(made, tmp_path: Path, scratch: Path) -> None:
    wrong_sha1 = "0" * 40
    made.manifest["packages"][0]["sha1"] = f"{wrong_sha1};sha256:{hashlib.sha256(made.package).hexdigest()}"
    with open_release(made.write(tmp_path / "r.tgz"), scratch) as release:
        assert release.packages[0].archive is not None


def test_build_order_puts_dependencies_first(made, tmp_path: Path) -> None:
    made.members()
    first = made.manifest["packages"][0]
    first["dependencies"] = ["lib"]
    made.manifest["packages"].append({**first, "name": "lib", "dependencies": ["base"]})
    made.manifest["packages"].append({**first, "name": "base", "dependencies": []})
    manifest = read_manifest(made.write(tmp_path / "r.tgz"))
    assert [entry.name for entry in manifest.build_order()] == ["base", "lib", "greeter"]


def test_error_inside_the_block_cleans_up_too(made, tmp_path: Path, scratch: Path) -> None:
    archive = made.write(tmp_path / "r.tgz")
    with pytest.raises(RuntimeError, match="mine"), unpacked(archive, scratch):
        raise RuntimeError("mine")
    assert not list(scratch.iterdir())
