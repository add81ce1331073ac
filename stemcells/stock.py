"""A stemcell out of any stock cloud image: the agent comes with the VM's first user data, by the image's own cloud-init."""

from __future__ import annotations

import base64
import gzip
import tempfile
from pathlib import Path

import yaml

from stemcells import archive, overlay
from stemcells.recipe import HERE, RecipeError

USER_DATA = "user-data"
"""Name of the user data beside the disk in the stemcell's image."""
SETUP = "/usr/lib/meristem/stock-setup"
TAKEN = (
    "etc/systemd/system/meristem-agent.service",
    "etc/systemd/system/meristem-firstboot.service",
    "etc/systemd/system/monit.service",
    "etc/sudoers.d/bosh_sudoers",
    "var/vcap/bosh/agent.json",
)
"""Files of `rootfs/` that go in; host keys and the SSH server's settings stay the image's own."""
SETUP_SCRIPT = """#!/bin/sh
# Makes a VM of a stock image one that the agent can run on: at its first start, by cloud-init.
set -eu
say() { echo "meristem-setup: $*" >/dev/console; }
say "begins"
if ! command -v monit >/dev/null; then
    say "monit is not in the image: it is installed by the image's package manager"
    if command -v apt-get >/dev/null; then
        install='apt-get -q update && apt-get -q -y --no-install-recommends install monit'
    else
        install='dnf -q -y install monit'
    fi
    # A network without a mirror lets them wait for minutes; the agent comes up in any case, and can be asked.
    DEBIAN_FRONTEND=noninteractive timeout 90 sh -c "$install" ||
        say "monit could not be installed; use an image that holds it, or a network with a package mirror"
fi
# The distribution's own way to start monit makes room for the unit that reads the agent's configuration.
rm -f /etc/init.d/monit
for group in admin bosh_sudoers bosh_sshers; do getent group "$group" >/dev/null || groupadd --system "$group"; done
getent group vcap >/dev/null || groupadd vcap
getent passwd vcap >/dev/null || useradd --gid vcap --groups admin,bosh_sudoers,bosh_sshers --create-home --shell /bin/bash vcap
mkdir -p /var/vcap/bosh/etc /var/vcap/bosh/log /var/vcap/monit/job /var/vcap/data /var/vcap/store /var/vcap/bosh_ssh
chmod 700 /var/vcap/bosh/etc /var/vcap/bosh/log /var/vcap/monit/job
systemctl daemon-reload
systemctl enable --quiet meristem-firstboot.service meristem-agent.service monit.service
systemctl start meristem-firstboot.service
systemctl restart monit.service
systemctl start meristem-agent.service
say "is done"
"""


def build(image: Path, name: str, version: str, operating_system: str, agent: bytes, out: Path) -> None:
    """Write the stemcell of the disk `image` (qcow2 or raw, whole) to `out`. RecipeError if it is none."""
    if not image.is_file() or image.stat().st_size < 512:
        raise RecipeError(f"{image}: no disk image; give a qcow2 or raw file of a stock cloud image with cloud-init")
    with tempfile.TemporaryDirectory(prefix="stock-", dir=out.parent) as work:
        packed = Path(work) / "image.tgz"
        archive.write(packed, [(USER_DATA, user_data(agent)), ("root.img", image)], 4)
        manifest = {
            "name": name,
            "version": version,
            "operating_system": operating_system,
            "stemcell_formats": ["libvirt-qcow2"],
            "cloud_properties": {},
        }
        archive.stemcell(out, manifest, packed)


def user_data(agent: bytes) -> bytes:
    """The cloud-config document: files of the agent, and the script that puts them to work."""
    files = [_file("/" + overlay.AGENT, agent, 0o755), _file(SETUP, SETUP_SCRIPT.encode(), 0o755)]
    files += [
        _file(f"/{path}", (HERE / "rootfs" / path).read_bytes(), overlay.PRIVATE.get(path, 0o644)) for path in TAKEN
    ]
    document = {"preserve_hostname": True, "write_files": files, "runcmd": [[SETUP]]}
    return b"#cloud-config\n" + yaml.safe_dump(document, sort_keys=False).encode()


def _file(path: str, data: bytes, mode: int) -> dict[str, str]:
    content = base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()
    return {"path": path, "permissions": f"0{mode:o}", "encoding": "gz+b64", "content": content}
