from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from meristem.formats import fingerprint
from meristem.formats.errors import FormatError
from meristem.formats.file_globs import matching
from meristem.formats.fingerprint import SourceFile
from meristem.formats.release_archive import open_release
from meristem.formats.release_dir import Options, create_release

DEMO = Path(__file__).parents[3] / "releases" / "demo"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "my-release"
    for file, content in {
        "config/final.yml": "name: mine\nblobstore: {provider: local, options: {blobstore_path: store}}\n",
        "packages/p/spec": "name: p\ndependencies: [q]\nfiles: ['p/**/*']\nexcluded_files: ['p/skip/*']\n",
        "packages/p/packaging": "true\n",
        "packages/q/spec": "name: q\nfiles: [q.txt]\n",
        "packages/q/packaging": "true\n",
        "packages/q/pre_packaging": 'echo made > "$BUILD_DIR/extra"\n',
        "src/p/a/b.txt": "b",
        "src/p/.hidden": "h",
        "src/p/skip/no.txt": "no",
        "src/q.txt": "src wins",
        "blobs/q.txt": "blob",
        "jobs/j/spec": "name: j\ntemplates: {t.erb: bin/t}\npackages: [p]\n",
        "jobs/j/monit": "",
        "jobs/j/templates/t.erb": "x",
        "LICENSE": "free",
    }.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(content)
    (root / "src/p/run").write_text("#!/bin/sh\n")
    (root / "src/p/run").chmod(0o700)
    (root / "src/p/link").symlink_to("a/b.txt")
    return root


def names(archive: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(archive) as opened:
        return {member.name.removeprefix("./"): member for member in opened if not member.isdir()}


def test_dev_release_and_tarball(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    built = create_release(source, Options(tarball=tmp_path / "out" / "r.tgz"), cache)
    assert (built.manifest.name, built.manifest.version) == ("mine", "0+dev.1")
    assert built.manifest_file == source / "dev_releases/mine/mine-0+dev.1.yml"
    assert built.tarball is not None
    with tarfile.open(built.tarball) as archive:
        members = archive.getnames()
    assert members == ["release.MF", "jobs/j.tgz", "packages/p.tgz", "packages/q.tgz", "license.tgz"]
    with open_release(built.tarball) as release:
        by_name = {item.entry.name: item.archive for item in release.packages}
        p, q = by_name["p"], by_name["q"]
        assert p is not None
        assert q is not None
        found = names(p)
        assert set(found) == {"packaging", "p/a/b.txt", "p/.hidden", "p/run", "p/link"}
        assert found["p/link"].issym()
        assert found["p/run"].mode == 0o755
        assert found["p/a/b.txt"].mode == 0o644
        assert set(names(q)) == {"packaging", "q.txt", "extra"}
    assert create_release(source, Options(), cache).manifest.version == "0+dev.2"


def test_same_content_same_build_and_bytes(source: Path, tmp_path: Path) -> None:
    first = create_release(source, Options(version="1", tarball=tmp_path / "1.tgz"), tmp_path / "c1").manifest
    os.utime(source / "src/q.txt", (1, 1))
    second = create_release(source, Options(version="1", tarball=tmp_path / "2.tgz"), tmp_path / "c2").manifest
    assert [entry.sha1 for entry in first.packages] == [entry.sha1 for entry in second.packages]
    assert (tmp_path / "1.tgz").read_bytes() == (tmp_path / "2.tgz").read_bytes()
    (source / "src/q.txt").write_text("changed")
    third = create_release(source, Options(version="1"), tmp_path / "c1").manifest
    assert third.package("p").fingerprint == first.package("p").fingerprint
    assert third.package("q").fingerprint != first.package("q").fingerprint


def test_fingerprint_follows_the_public_rule(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("two")
    (tmp_path / "a").write_text("one")
    (tmp_path / "a").chmod(0o750)
    (tmp_path / "l").symlink_to("a")
    (tmp_path / "packaging").write_text("hook")
    files = [
        SourceFile(tmp_path / "packaging", "packaging", with_mode=False),
        SourceFile(tmp_path / "l", "x/l"),
        SourceFile(tmp_path / "b", "x/b"),
        SourceFile(tmp_path / "a", "x/a"),
    ]

    def sha1(text: str) -> str:
        return hashlib.sha1(text.encode()).hexdigest()

    expected = sha1(
        f"v2packaging{sha1('hook')}x/a{sha1('one')}100755x/b{sha1('two')}100644x/l{sha1('a')}symlinkdep1,dep2"
    )
    assert fingerprint.calculate(files, ["dep2", "dep1"]) == expected
    content = "sha256:" + hashlib.sha256(b"one").hexdigest()
    one = fingerprint.calculate([SourceFile(tmp_path / "a", "a")], sha2=True)
    assert one == hashlib.sha256(f"v2a{content}100755".encode()).hexdigest()
    followed = fingerprint.calculate([SourceFile(tmp_path / "l", "l")], follow_symlinks=True)
    assert followed == sha1(f"v2l{sha1('one')}100755")


def test_final_release_keeps_its_builds(source: Path, tmp_path: Path) -> None:
    first = create_release(source, Options(final=True), tmp_path / "cache").manifest
    assert first.version == "1"
    index = yaml.safe_load((source / ".final_builds/packages/q/index.yml").read_text())
    build = index["builds"][first.package("q").fingerprint]
    assert (source / "store" / build["blobstore_id"]).is_file()
    second = create_release(source, Options(final=True), tmp_path / "other-cache").manifest
    assert second.version == "2"
    assert second.package("q").sha1 == first.package("q").sha1
    assert create_release(source, Options(), tmp_path / "cache").manifest.version == "2+dev.1"
    with pytest.raises(FormatError, match="already exists"):
        create_release(source, Options(final=True, version="2"), tmp_path / "cache")


def test_uncommitted_changes_need_force(source: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(source), "-c", "user.name=t", "-c", "user.email=t@example.test"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True, env={**os.environ, "HOME": str(tmp_path)})
    clean = create_release(source, Options(), tmp_path / "cache").manifest
    assert not clean.uncommitted_changes
    assert clean.commit_hash is not None
    assert len(clean.commit_hash) >= 7
    (source / "src/q.txt").write_text("dirty")
    with pytest.raises(FormatError, match=r"local modifications.*src/q.txt"):
        create_release(source, Options(), tmp_path / "cache")
    assert create_release(source, Options(force=True), tmp_path / "cache").manifest.uncommitted_changes


@pytest.mark.parametrize(
    ("file", "content", "words", "place"),
    [
        ("packages/p/spec", "name: p\nfiles:\n- a\n- none/*\n", "Missing files for pattern 'a'", "packages/p/spec:3"),
        ("packages/p/spec", "name: other\n", "names 'other'", "packages/p/spec:1"),
        ("packages/p/packaging", None, "Expected to find 'packages/p/packaging'", "packages/p"),
        ("packages/p/spec", None, "has no spec", "packages/p"),
        ("packages/p/spec", "name: p\ndependencies: [gone]\n", "depends on 'gone'", "mine-0+dev.1.yml"),
        ("packages/q/spec", "name: q\ndependencies: [p]\n", "circle: p -> q -> p", "mine-0+dev.1.yml"),
        ("packages/q/pre_packaging", "echo sorry >&2; exit 3\n", "exit status 3", "packages/q/pre_packaging"),
        ("jobs/j/templates/t.erb", None, "Missing template file 't.erb'", "jobs/j/spec"),
        ("jobs/j/monit", None, "missing monit file", "jobs/j"),
        ("jobs/j/spec", None, "Missing job manifest", "jobs/j"),
        ("jobs/j/spec", "name: j\npackages: [gone]\n", "missing package 'gone'", "mine-0+dev.1.yml"),
        ("config/final.yml", "{}\n", "Release has no name", "config/final.yml"),
    ],
)
def test_refused(source: Path, tmp_path: Path, file: str, content: str | None, words: str, place: str) -> None:
    if content is None:
        (source / file).unlink()
    else:
        (source / file).write_text(content)
    tarball = tmp_path / "r.tgz"
    with pytest.raises(FormatError) as caught:
        create_release(source, Options(tarball=tarball), tmp_path / "cache")
    assert words in caught.value.message
    assert place in caught.value.place
    assert caught.value.remedy
    assert not tarball.exists()
    assert not (source / "dev_releases").exists()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/*", ["a/x", "a/.y"]),
        ("a/**/*", ["a/x", "a/.y", "a/b/z.py"]),
        ("**/*.py", ["a/b/z.py", "w.py"]),
        ("a/?", ["a/x"]),
        ("{w,q}.py", ["w.py"]),
        ("a/[!.]", ["a/x"]),
        ("./w.py", ["w.py"]),
        ("a/**", ["a/x", "a/.y", "a/b/z.py"]),
    ],
)
def test_globs(pattern: str, expected: list[str]) -> None:
    assert matching(pattern, ["a/x", "a/.y", "a/b/z.py", "w.py"]) == expected


def test_the_demo_release_builds_and_compiles(tmp_path: Path) -> None:
    import shutil

    copied = tmp_path / "demo"
    shutil.copytree(DEMO, copied, ignore=shutil.ignore_patterns("dev_releases", ".dev_builds", "__pycache__"))
    built = create_release(copied, Options(tarball=tmp_path / "demo.tgz"), tmp_path / "cache")
    assert built.tarball is not None
    with open_release(built.tarball) as release:
        assert {job.entry.name for job in release.jobs} == {"store", "web", "smoke"}
        archives = {item.entry.name: item.archive for item in release.packages}
        for entry in release.manifest.build_order():
            place, target = tmp_path / "compile" / entry.name, tmp_path / "packages" / entry.name
            place.mkdir(parents=True)
            target.mkdir(parents=True)
            subprocess.run(["tar", "-xzf", str(archives[entry.name]), "-C", str(place)], check=True)
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "BOSH_INSTALL_TARGET": str(target)}
            subprocess.run(["bash", "packaging"], cwd=place, env=environment, check=True)
    assert (tmp_path / "packages/greeter/version").read_text() == "greeter 1\n"
