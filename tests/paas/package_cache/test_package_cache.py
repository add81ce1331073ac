"""The cache as pip and npm see it: packages made here, fetched from it by the real clients, and nothing else reached."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from paas.package_cache import npm
from paas.package_cache.fill import FillError, locked
from paas.package_cache.index import index
from paas.package_cache.simple import project_of

from tests.paas.package_cache.cache_server import CacheServer
from tests.programs import need

PUBLIC = "registry." + "npmjs.org"
"""What npm puts another registry's name in place of."""


def wheel(root: Path, name: str, version: str, requires: str = "") -> Path:
    """A wheel with one module, in its project's folder."""
    module = name.lower().replace("-", "_")
    file = root / "simple" / project_of(f"{module}-{version}-py3-none-any.whl") / f"{module}-{version}-py3-none-any.whl"
    file.parent.mkdir(parents=True, exist_ok=True)
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {requires}\n" if requires else ""
    )
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{module}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{module}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return file


def tarball(root: Path, name: str, version: str, **more: object) -> Path:
    """A tarball of npm with one module, in its place."""
    file = npm.place(root, name, version)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as archive:
        for path, text in (
            ("package/package.json", json.dumps({"name": name, "version": version, "main": "m.js", **more})),
            ("package/m.js", f"module.exports = '{version}'\n"),
        ):
            info = tarfile.TarInfo(path)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return file


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    directory = tmp_path_factory.mktemp("cache")
    seed = directory / "seed"
    wheel(seed, "Cached-Thing", "1.0")
    wheel(seed, "Cached-Thing", "1.10", "cached-base>=2")
    wheel(seed, "cached-base", "2.0")
    tarball(seed, "cached-thing", "1.2.0")
    tarball(seed, "cached-thing", "1.10.0", dependencies={"@scope/cached-base": "^2.0.0"})
    tarball(seed, "cached-thing", "2.0.0-rc.1")
    tarball(seed, "@scope/cached-base", "2.1.0")
    (seed / "gems").mkdir()
    (seed / "gems/one-1.0.gem").write_bytes(b"gem")
    with CacheServer.running(directory, seeds=[str(seed)]) as server:
        yield server


def test_pip_installs_from_it_what_a_project_asks_for(cache: CacheServer, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--isolated",
        "-q",
        "--no-cache-dir",
        "--index-url",
        f"{cache.url}/simple",
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [*command, "--target", tmp_path / "lib", "cached.thing"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "1.10" in (tmp_path / "lib/cached_thing.py").read_text()
    assert (tmp_path / "lib/cached_base.py").is_file()
    missing = subprocess.run(
        [*command, "--target", tmp_path / "no", "not-there"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert missing.returncode != 0 and "not-there" in missing.stderr


def test_npm_installs_from_it_by_name_and_by_lock_file(cache: CacheServer, tmp_path: Path) -> None:
    need("npm")
    environment = {**os.environ, "HOME": str(tmp_path), "npm_config_userconfig": os.devnull}
    command = [
        "npm",
        "install",
        "--registry",
        f"{cache.url}/npm/",
        "--no-audit",
        "--no-fund",
        "--cache",
        tmp_path / "kept",
    ]
    app = tmp_path / "app"
    app.mkdir()
    (app / "package.json").write_text(json.dumps({"name": "app", "dependencies": {"cached-thing": "^1.0.0"}}))
    done = subprocess.run(command, cwd=app, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "1.10.0" in (app / "node_modules/cached-thing/m.js").read_text()
    assert "2.1.0" in (app / "node_modules/@scope/cached-base/m.js").read_text()
    # a lock file made elsewhere names another registry's tarballs
    lock = (app / "package-lock.json").read_text().replace(f"{cache.url}/npm/", f"https://{PUBLIC}/")
    assert f"{PUBLIC}/@scope/cached-base/-/" in lock
    (app / "package-lock.json").write_text(lock)
    again = [command[0], "ci", *command[2:-1], tmp_path / "kept2"]
    done = subprocess.run(again, cwd=app, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "2.1.0" in (app / "node_modules/@scope/cached-base/m.js").read_text()


def test_indexes_tell_digests_the_latest_release_and_nothing_of_the_disk(cache: CacheServer) -> None:
    with httpx2.Client(base_url=cache.url, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200
        document = client.get("/npm/cached-thing").json()
        assert document["dist-tags"] == {"latest": "1.10.0"} and set(document["versions"]) == {
            "1.2.0",
            "1.10.0",
            "2.0.0-rc.1",
        }
        assert (
            document["versions"]["1.2.0"]["dist"]["tarball"] == f"{cache.url}/npm/cached-thing/-/cached-thing-1.2.0.tgz"
        )
        assert client.get("/npm/@scope%2fcached-base").json()["name"] == "@scope/cached-base"
        assert "cached-thing/" in client.get("/simple/").text and "#sha256=" in client.get("/simple/cached-thing/").text
        assert "one-1.0.gem" in client.get("/gems/").text
        for path in (
            "/npm/none",
            "/simple/none/",
            "/nginx.conf",
            "/../package_cache.json",
            "/npm/%2e%2e/%2e%2e/log/access.log",
        ):
            assert client.get(path).status_code in (400, 404), path
        assert client.put("/gems/x", content=b"x").status_code == 405


def test_a_seed_never_replaces_what_the_operator_put_there(tmp_path: Path) -> None:
    from paas.package_cache.__main__ import sow

    (tmp_path / "seed/gems").mkdir(parents=True)
    (tmp_path / "root/gems").mkdir(parents=True)
    for place in ("seed", "root"):
        (tmp_path / place / "gems/a.gem").write_text(place)
    (tmp_path / "seed/gems/b.gem").write_text("new")
    sow(tmp_path / "seed", tmp_path / "root")
    assert (tmp_path / "root/gems/a.gem").read_text() == "root" and (tmp_path / "root/gems/b.gem").read_text() == "new"


def test_a_file_that_is_no_package_is_named(tmp_path: Path) -> None:
    place = npm.place(tmp_path, "broken", "1.0.0")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"no archive")
    with pytest.raises(npm.TarballError, match=r"broken-1\.0\.0\.tgz"):
        index(tmp_path)
    with pytest.raises(ValueError, match="neither a wheel"):
        project_of("notes.txt")
    assert project_of("Foo_Bar.baz-1.0.tar.gz") == "foo-bar-baz"
    for name, version in (("../x", "1"), ("@a/b/c", "1"), ("ok", "../1")):
        with pytest.raises(npm.TarballError):
            npm.place(tmp_path, name, version)


def test_lock_files_name_each_package_and_old_ones_are_refused(tmp_path: Path) -> None:
    lock = tmp_path / "package-lock.json"
    packages = {
        "": {"name": "app"},
        "node_modules/a": {"version": "1.0.0", "integrity": "sha512-x"},
        "node_modules/a/node_modules/@s/b": {"version": "2.0.0", "integrity": "sha512-y"},
        "node_modules/alias": {"name": "real", "version": "3.0.0", "integrity": "sha512-z"},
        "node_modules/local": {"link": True, "resolved": "packages/local"},
    }
    lock.write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    assert locked(lock) == [("a", "1.0.0", "sha512-x"), ("@s/b", "2.0.0", "sha512-y"), ("real", "3.0.0", "sha512-z")]
    lock.write_text(json.dumps({"lockfileVersion": 1, "dependencies": {}}))
    with pytest.raises(FillError, match="npm 7"):
        locked(lock)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [("1.2.0", "1.10.0"), ("2.0.0-rc.1", "2.0.0"), ("1.0.0-alpha.2", "1.0.0-alpha.10"), ("1.0.0-1", "1.0.0-a"), ("1.0.0-a", "1.0.0-a.1")],
)  # fmt: skip
def test_versions_are_ordered_as_semantic_versions(lower: str, higher: str) -> None:
    assert npm.precedence(lower) < npm.precedence(higher)
    assert npm.precedence("1.0.0+build") == npm.precedence("1.0.0")
