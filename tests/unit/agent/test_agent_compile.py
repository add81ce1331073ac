"""compile_package: real packaging scripts."""

from __future__ import annotations

import hashlib
import os
import tarfile

import pytest
from agent_world import AgentWorld, Refused, tarball

PACKAGING = """set -e
echo "$BOSH_PACKAGE_NAME $BOSH_PACKAGE_VERSION $PWD" > ${BOSH_INSTALL_TARGET}/facts
[ "$BOSH_COMPILE_TARGET" = "$PWD" ]
cat $(dirname $BOSH_INSTALL_TARGET)/lib/version >> ${BOSH_INSTALL_TARGET}/facts
mkdir ${BOSH_INSTALL_TARGET}/bin
cp src/tool ${BOSH_INSTALL_TARGET}/bin/
"""


def compile_it(world: AgentWorld, files: dict[str, str]) -> dict[str, dict[str, str]]:
    source = world.blob(tarball(files))
    library = {"name": "lib", "version": "9.1", **world.blob(tarball({"version": "lib 9\n"}))}
    result: dict[str, dict[str, str]] = world.do(
        "compile_package", source["blobstore_id"], source["sha1"], "tool", "fp.1", {"lib": library}
    )
    return result


def test_the_result_holds_what_packaging_installed_and_nothing_is_left(world: AgentWorld) -> None:
    result = compile_it(world, {"packaging": PACKAGING, "src/tool": "tool 1"})["result"]
    with tarfile.open(world.blobs / result["blobstore_id"]) as archive:
        names = sorted(archive.getnames())
        facts = archive.extractfile("./facts")
        assert facts is not None
        assert facts.read().decode() == f"tool fp.1 {world.layout.compile}/tool\nlib 9\n"
    assert names == [".", "./bin", "./bin/tool", "./facts"]
    content = (world.blobs / result["blobstore_id"]).read_bytes()
    assert result["sha1"] == f"{hashlib.sha1(content).hexdigest()};sha512:{hashlib.sha512(content).hexdigest()}"
    assert os.listdir(world.layout.packages) == []
    assert os.listdir(world.layout.compile) == []
    assert os.listdir(world.layout.data / "packages") == []


def test_a_failure_tells_the_code_and_the_last_lines(world: AgentWorld) -> None:
    with pytest.raises(
        Refused, match=r"compiling package tool: packaging exited with 7; last stdout: here(?s:.)*\+ exit 7"
    ):
        compile_it(world, {"packaging": "echo here\nexit 7\n"})
    assert os.listdir(world.layout.compile) == []


def test_a_source_without_packaging_makes_an_empty_package(world: AgentWorld) -> None:
    result = compile_it(world, {"src/tool": "tool 1"})["result"]
    with tarfile.open(world.blobs / result["blobstore_id"]) as archive:
        assert archive.getnames() == ["."]
