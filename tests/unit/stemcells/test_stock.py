"""A stemcell out of a stock cloud image: the archive and the user data that brings the agent."""

from __future__ import annotations

import base64
import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from stemcells import overlay, stock
from stemcells.recipe import HERE, RecipeError


def test_the_image_is_the_disk_with_its_user_data(tmp_path: Path) -> None:
    image, out = tmp_path / "cloud.qcow2", tmp_path / "stock.tgz"
    image.write_bytes(b"QFI\xfb" + bytes(2000))
    stock.build(image, "my-debian", "7", "debian-12", b"agent", out)
    with tarfile.open(out) as archive:
        manifest = yaml.safe_load(archive.extractfile("stemcell.MF").read())
        inner = archive.extractfile("image").read()
    assert (manifest["name"], manifest["version"], manifest["operating_system"]) == ("my-debian", "7", "debian-12")
    assert manifest["stemcell_formats"] == ["libvirt-qcow2"]
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        assert archive.getnames() == ["user-data", "root.img"]
        assert archive.extractfile("root.img").read() == image.read_bytes()


def test_the_user_data_holds_the_agent_and_puts_it_to_work(tmp_path: Path) -> None:
    text = stock.user_data(b"agent")
    assert text.startswith(b"#cloud-config\n")
    document = yaml.safe_load(text)
    files = {one["path"]: gzip.decompress(base64.b64decode(one["content"])) for one in document["write_files"]}
    assert files[f"/{overlay.AGENT}"] == b"agent"
    assert files["/var/vcap/bosh/agent.json"] == (HERE / "rootfs/var/vcap/bosh/agent.json").read_bytes()
    assert document["runcmd"] == [[stock.SETUP]]
    modes = {one["path"]: one["permissions"] for one in document["write_files"]}
    assert (modes[stock.SETUP], modes["/etc/sudoers.d/bosh_sudoers"]) == ("0755", "0440")
    script = tmp_path / "setup"
    script.write_bytes(files[stock.SETUP])
    assert subprocess.run(["sh", "-n", script], capture_output=True).stderr == b""


def test_what_is_no_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no disk image"):
        stock.build(tmp_path / "none", "n", "1", "linux", b"", tmp_path / "out.tgz")
