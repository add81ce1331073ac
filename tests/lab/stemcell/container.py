"""A container on the lab's network, by plain libvirt XML: the CPI's first process, but no CPI."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import libvirt

import lab
from cpi.libvirt import cgroups, container_init

XML = """
<domain type='lxc'>
  <name>{name}</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
  <os>
    <type>exe</type><init>/{init}</init>
    <initenv name='MERISTEM_CGROUPS'>{layout}</initenv>
    <initenv name='MERISTEM_GROUP'>lab/{name}</initenv>
  </os>
  <features><privnet/><capabilities policy='allow'/></features>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <filesystem type='mount'><source dir='{root}'/><target dir='/'/></filesystem>
    <filesystem type='mount'><source dir='{seed}'/><target dir='/var/vcap/seed'/></filesystem>
    <interface type='network'>
      <source network='{network}'/><mac address='{mac}'/><guest dev='eth0'/>
    </interface>
    <console type='pty'/>
  </devices>
</domain>
"""


class Container:
    """A running container; `shell` runs commands in all of its namespaces (not in its cgroups)."""

    def __init__(self, house: lab.Lab, name: str, root: Path, seed: Path, mac: str) -> None:
        self.house = house
        self.name = name
        self._connection = libvirt.open(house.libvirt_uri)
        init = root / container_init.PLACE
        init.parent.mkdir(parents=True, exist_ok=True)
        init.write_text(container_init.SCRIPT)
        init.chmod(0o755)
        facts = {"init": container_init.PLACE, "layout": cgroups.layout(), "network": house.record.network}
        self._domain = self._connection.createXML(XML.format(name=name, root=root, seed=seed, mac=mac, **facts))

    @property
    def init(self) -> int:
        """Pid of the container's first process, seen from outside."""
        controller = int((self.house.directory / "run" / "lxc" / f"{self.name}.pid").read_text())
        return int(Path(f"/proc/{controller}/task/{controller}/children").read_text().split()[0])

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the container."""
        inside = ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", "-C", "--wd=/"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", command]
        return subprocess.run([*inside, *clean], capture_output=True, text=True, timeout=20, check=False)

    def wait(self, command: str, seconds: float, wanted: str = "") -> float:
        """Run `command` again and again until it succeeds and prints `wanted`; returns the seconds it took."""
        begin = time.monotonic()
        while True:
            try:
                done = self.shell(command)
                if done.returncode == 0 and wanted in done.stdout:
                    return time.monotonic() - begin
                seen = f"status {done.returncode}: {done.stdout}{done.stderr}"
            except (
                FileNotFoundError,
                IndexError,
                subprocess.TimeoutExpired,
            ) as error:  # its first process is not there yet
                seen = repr(error)
            if time.monotonic() - begin > seconds:
                raise AssertionError(f"{command}: not within {seconds} s; at the end: {seen}")
            time.sleep(0.05)

    def destroy(self) -> None:
        """End the container at once."""
        self._domain.destroy()
        self._connection.close()
