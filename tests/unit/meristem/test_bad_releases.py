"""Each broken archive: the contract's code and text, the place, a remedy, and nothing left behind."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from meristem.formats.errors import FormatError
from meristem.formats.release_archive import open_release

ARCHIVE_TEXT = "Extracting release archive failed. Check task debug log for details."


def refused(path: Path, scratch: Path) -> FormatError:
    before = sorted(path.parent.iterdir())
    with pytest.raises(FormatError) as caught, open_release(path, scratch):
        pass
    error = caught.value
    assert not list(scratch.iterdir()), "something was left behind"
    assert sorted(path.parent.iterdir()) == before
    assert error.remedy.strip(), "no remedy"
    assert path.name in error.place
    return error


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def spec_of(made: Any) -> dict[str, Any]:
    return yaml.safe_load(made.job["job.MF"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a readable tar archive"),
        (b"this is no archive at all, just a sentence" * 40, "not a readable tar archive"),
        (gzip.compress(b"neither is this" * 100, mtime=0), "not a readable tar archive"),
    ],
)
def test_no_archive(tmp_path: Path, scratch: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "r.tgz"
    path.write_bytes(content)
    error = refused(path, scratch)
    assert error.code == 30002
    assert error.message.startswith(ARCHIVE_TEXT)
    assert reason in error.message


def test_missing_file_and_directory(tmp_path: Path, scratch: Path) -> None:
    assert "no such file" in refused(tmp_path / "r.tgz", scratch).message
    (tmp_path / "dir.tgz").mkdir()
    assert "directory" in refused(tmp_path / "dir.tgz", scratch).message


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("compress", [True, False])
def test_cut_short(made, tmp_path: Path, scratch: Path, share: float, compress: bool) -> None:
    made.extra["LICENSE"] = b"x" * 40_000
    path = made.write(tmp_path / "r.tgz", compress=compress)
    raw = path.read_bytes()
    if not compress:
        raw = raw[: raw.rindex(b"x") + 1]
    path.write_bytes(raw[: int(len(raw) * share)])
    error = refused(path, scratch)
    assert error.code in (30002, 30003)


def test_flipped_bit_in_gzip(made, tmp_path: Path, scratch: Path) -> None:
    path = made.write(tmp_path / "r.tgz")
    raw = bytearray(path.read_bytes())
    raw[-6] ^= 0xFF
    path.write_bytes(bytes(raw))
    error = refused(path, scratch)
    assert error.code == 30002
    assert "CRC" in error.message or "readable" in error.message


@pytest.mark.parametrize(
    ("name", "info", "reason"),
    [
        ("up", entry("../outside", tarfile.REGTYPE), "leaves the archive's directory"),
        ("deep", entry("jobs/../../outside", tarfile.REGTYPE), "leaves the archive's directory"),
        ("root", entry("/etc/outside", tarfile.REGTYPE), "not a relative path"),
        ("pipe", entry("jobs/p.tgz", tarfile.FIFOTYPE), "device or pipe"),
        ("disk", entry("jobs/d.tgz", tarfile.BLKTYPE), "device or pipe"),
        ("soft", entry("jobs/l.tgz", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        ("hard", entry("jobs/h.tgz", tarfile.LNKTYPE, "release.MF"), "is a link"),
    ],
)
def test_hostile_member(made, tmp_path: Path, scratch: Path, name: str, info: tarfile.TarInfo, reason: str) -> None:
    made.extra[name] = info
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert error.code == 30002
    assert reason in error.message
    assert not (tmp_path / "outside").exists()


def test_symlinked_directory_cannot_redirect_a_file(made, tmp_path: Path, scratch: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    made.manifest["jobs"][0]["name"] = "web"
    members = {"evil": entry("jobs", tarfile.SYMTYPE, str(target)), **made.members()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                raw = content.encode() if isinstance(content, str) else content
                info = tarfile.TarInfo(name)
                info.size = len(raw)
                archive.addfile(info, io.BytesIO(raw))
    path = tmp_path / "r.tar"
    path.write_bytes(out.getvalue())
    with open_release(path, scratch) as release:
        assert release.jobs
    assert not list(target.iterdir())
    assert not list(scratch.iterdir())


def test_same_member_twice(made, tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "r.tgz"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for _ in range(2):
            info = tarfile.TarInfo("release.MF")
            info.size = 2
            archive.addfile(info, io.BytesIO(b"{}"))
    path.write_bytes(out.getvalue())
    assert "occurs twice" in refused(path, scratch).message


def test_no_manifest(made, tmp_path: Path, scratch: Path) -> None:
    made.left_out.add("release.MF")
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert (error.code, error.message) == (30003, "Release manifest not found")


@pytest.mark.parametrize(
    ("text", "code", "words", "line"),
    [
        ("- a\n- b\n", 40000, "Expected a hash", ":1"),
        ("name: demo\nversion: [\n", 710000, "invalid YAML", ":3:1"),
        ("name: demo\nname: other\nversion: 1\n", 710000, "appears twice", ":2:1"),
        ("version: 1\n", 40001, "'name' was not specified", ":1"),
        ("name: demo\n", 40001, "'version' was not specified", ":1"),
        ("name: demo\nversion: 1 2\n", 30010, "Release version invalid: 1 2", ":2"),
        ("name: de/mo\nversion: 1\n", 40005, "Release name invalid: de/mo", ":1"),
        ("name: demo\nversion: 1\njobs: {}\n", 40000, "expected an array", ":3"),
        ("name: demo\nversion: 1\njobs:\n- web\n", 40000, "must be a hash", ":4"),
        ("name: demo\nversion: 1\njobs:\n- name: ../x\n  version: 1\n  sha1: a\n", 40005, "not usable", ":4"),
        ("name: demo\nversion: 1\njobs:\n- name: x\n  version: 1\n", 40001, "sha1", ":4"),
    ],
)
def test_broken_manifest(made, tmp_path: Path, scratch: Path, text: str, code: int, words: str, line: str) -> None:
    made.extra["release.MF"] = text
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert error.code == code
    assert words in error.message
    assert f"release.MF{line}" in error.place


def test_repeated_job(made, tmp_path: Path, scratch: Path) -> None:
    made.members()
    made.manifest["jobs"].append(dict(made.manifest["jobs"][0]))
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert error.code == 30002
    assert "lists 'web' twice" in error.message


def test_unknown_dependency_and_circle(made, tmp_path: Path, scratch: Path) -> None:
    made.manifest["packages"][0]["dependencies"] = ["lib"]
    assert "does not hold" in refused(made.write(tmp_path / "a.tgz"), scratch).message
    made.manifest["packages"].append({**made.manifest["packages"][0], "name": "lib", "dependencies": ["greeter"]})
    error = refused(made.write(tmp_path / "b.tgz"), scratch)
    assert "circle: greeter -> lib -> greeter" in error.message
    assert "(packages[0].dependencies)" in error.place


def test_job_wants_a_missing_package(made, tmp_path: Path, scratch: Path) -> None:
    made.manifest["jobs"][0]["packages"] = ["gone"]
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert (error.code, error.message) == (80003, "Job 'web' references missing package 'gone'")


@pytest.mark.parametrize("part", ["jobs", "packages"])
def test_wrong_digest(made, tmp_path: Path, scratch: Path, part: str) -> None:
    made.members()
    made.manifest[part][0]["sha1"] = "1" * 40
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert error.code == 30015
    assert "Expected stream to have digest '" + "1" * 40 in error.message
    assert f"!{part}/" in error.place


@pytest.mark.parametrize("digest", ["", "xyz", "md5:" + "0" * 32, "sha256:12"])
def test_unusable_digest(made, tmp_path: Path, scratch: Path, digest: str) -> None:
    made.members()
    made.manifest["jobs"][0]["sha1"] = digest
    assert refused(made.write(tmp_path / "r.tgz"), scratch).code in (30015, 40001)


def test_job_archive_missing_or_broken(made, tmp_path: Path, scratch: Path) -> None:
    made.left_out.add("jobs/web.tgz")
    error = refused(made.write(tmp_path / "a.tgz"), scratch)
    assert error.code == 80000
    assert error.message == "Extracting job 'web/f1' archive failed. Check task debug log for details."
    made.left_out.clear()
    made.extra["jobs/web.tgz"] = b"junk" * 200
    import hashlib

    made.manifest["jobs"][0]["sha1"] = hashlib.sha1(b"junk" * 200).hexdigest()
    error = refused(made.write(tmp_path / "b.tgz"), scratch)
    assert error.code == 80000
    assert "!jobs/web.tgz" in error.place


def test_package_archive_broken(made, tmp_path: Path, scratch: Path) -> None:
    made.package = made.package[:-12]
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert error.code == 60000
    assert error.message.startswith("Extracting package 'greeter/f2' archive failed.")


Change = Callable[[dict[str, Any]], None]


def set_to(key: str, value: Any) -> Change:
    return lambda spec: spec.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (set_to("name", "other"), 80000, "Inconsistent name for job 'web'(exptected: 'web', got: 'other')"),
        (set_to("templates", {"gone.erb": "x"}), 80002, "Missing template file 'gone.erb' for job 'web'"),
        (set_to("templates", {"ctl.erb": "../x"}), 80002, "Job 'web' has template 'ctl.erb' with destination '../x'"),
        (set_to("logs", ["a"]), 80005, "Job 'web' has invalid logs spec format"),
        (set_to("properties", ["a"]), 80008, "Job 'web' has invalid properties spec format"),
        (
            set_to("provides", {"a": 1}),
            80013,
            "Job 'web' has invalid spec format: 'provides' must be an array of hashes with name and type",
        ),
        (
            set_to("consumes", "x"),
            80013,
            "Job 'web' has invalid spec format: 'consumes' must be an array of hashes with name and type",
        ),
        (set_to("consumes", ["x"]), 80013, "Consumes section in the release spec must be a list of hashes"),
        (
            set_to("provides", [{"name": "x"}]),
            80013,
            "Each provides item in the provides section of the release spec must contain 'name' and 'type'",
        ),
        (
            set_to("provides", [{"name": "x", "type": "t", "optional": True}]),
            80013,
            "Link 'x' of type 't' is a provides link, not allowed to have 'optional' key",
        ),
        (
            set_to("provides", [{"name": "x", "type": "t"}, {"name": "x", "type": "u"}]),
            80014,
            "Job 'web' specifies duplicate provides link with name 'x'",
        ),
        (
            set_to("consumes", [{"name": "x", "type": "t"}, {"name": "x", "type": "u"}]),
            80014,
            "Job 'web' specifies duplicate consumes link with name 'x'",
        ),
        (
            set_to("provides", [{"name": "x", "type": "t", "properties": ["nope"]}]),
            80013,
            "Link property nope in template web is not defined in release spec",
        ),
    ],
)
def test_broken_job_spec(made, tmp_path: Path, scratch: Path, change: Change, code: int, message: str) -> None:
    spec = spec_of(made)
    change(spec)
    made.job["job.MF"] = yaml.safe_dump(spec)
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert (error.code, error.message) == (code, message)
    assert "!jobs/web.tgz!job.MF" in error.place


@pytest.mark.parametrize(
    ("gone", "code", "message"),
    [("job.MF", 80001, "Missing job manifest for 'web'"), ("monit", 80004, "Job 'web' is missing monit file")],
)
def test_missing_job_file(made, tmp_path: Path, scratch: Path, gone: str, code: int, message: str) -> None:
    del made.job[gone]
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert (error.code, error.message) == (code, message)


def test_extra_monit_file_is_enough(made, tmp_path: Path, scratch: Path) -> None:
    made.job["second.monit"] = made.job.pop("monit")
    with open_release(made.write(tmp_path / "r.tgz"), scratch) as release:
        assert release.jobs[0].job.monit is None
        assert set(release.jobs[0].job.extra_monits) == {"second.monit"}


def test_link_in_a_job_archive(made, tmp_path: Path, scratch: Path) -> None:
    made.job["l"] = entry("./templates/x", tarfile.SYMTYPE, "/etc/shadow")
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert error.code == 80000
    assert "is a link" in error.message


def test_schema_that_is_no_json(made, tmp_path: Path, scratch: Path) -> None:
    made.job["properties_schema.json"] = "{"
    error = refused(made.write(tmp_path / "r.tgz"), scratch)
    assert error.code == 40005
    assert "properties_schema.json" in error.place
