"""One lab: its directory, its ports, and its processes, which it finds again by what it wrote down."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.record import start_time

PASSWORD = "meristem"  # noqa: S105 - of every account of a lab that listens on loopback only
REGION = "RegionOne"
APIS = ("keystone", "glance", "placement", "nova", "neutron", "cinder")
PORTS = (*APIS, "db", "rabbit", "rabbitdist", "epmd")
BASE_PORT = 24500
COMPUTES = 2
RECORD = "openstack.json"

Say = Callable[[str], None]


@dataclass
class Stack:
    """Ports are `base` and the nine after it; `computes` counts the simulated hypervisors cmp1, cmp2, .."""

    directory: Path
    venv: Path
    base: int = BASE_PORT
    computes: int = COMPUTES
    say: Say = print
    started: list[str] = field(default_factory=list[str])

    @classmethod
    def load(cls, directory: Path) -> Stack | None:
        """The lab of this directory, None where there is none."""
        try:
            known = json.loads((directory / RECORD).read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise LabError(f"{directory / RECORD}: is no record of an OpenStack lab: {error}") from error
        return cls(directory, Path(known["venv"]), int(known["base"]), int(known["computes"]))

    def save(self) -> None:
        """Write the record by which every later command finds the lab."""
        known = {"venv": str(self.venv), "base": self.base, "computes": self.computes}
        (self.directory / RECORD).write_text(json.dumps(known) + "\n")

    @property
    def clouds_yaml(self) -> Path:
        """The administrator's account in the form that every OpenStack client reads; the cloud is called meristem."""
        return self.directory / "clouds.yaml"

    @property
    def ready(self) -> Path:
        """A file that is there once the lab's databases are complete."""
        return self.directory / "ready"

    def port(self, name: str) -> int:
        """Port of an API or daemon."""
        return self.base + PORTS.index(name)

    def url(self, api: str) -> str:
        """Address of an API, without its path."""
        return f"http://127.0.0.1:{self.port(api)}"

    @property
    def identity_url(self) -> str:
        """What a client's auth_url is."""
        return self.url("keystone") + "/v3"

    def path(self, *parts: str) -> Path:
        """Below the lab's directory."""
        return self.directory.joinpath(*parts)

    def database(self, name: str) -> str:
        """SQLAlchemy's name of one of the databases."""
        return f"postgresql+psycopg2://os:{PASSWORD}@127.0.0.1:{self.port('db')}/{name}"

    def program(self, name: str) -> str:
        """A program of the services' environment."""
        return str(self.venv / "bin" / name)

    def configuration(self, service: str, file: str) -> list[str]:
        """Arguments that name a service's configuration file."""
        return ["--config-file", str(self.path("etc", service, file))]

    def environment(self, **more: str) -> dict[str, str]:
        """What the services' processes see; nothing of a cloud or proxy of the caller's."""
        mine = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OS_", "PYTHON")) and "proxy" not in name.lower()
        }
        return {
            **mine,
            "PATH": f"{self.venv / 'bin'}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "PYTHONPATH": str(self.path("plug")),
            "HOME": str(self.path("home")),
            "LC_ALL": "C.UTF-8",
            "PYTHONWARNINGS": "ignore",
            "OS_KEYSTONE_CONFIG_FILES": str(self.path("etc/keystone/keystone.conf")),
            "OS_GLANCE_CONFIG_DIR": str(self.path("etc/glance")),
            "OS_PLACEMENT_CONFIG_DIR": str(self.path("etc/placement")),
            "OS_NOVA_CONFIG_DIR": str(self.path("etc/nova")),
            "OS_NOVA_CONFIG_FILES": "api-paste.ini;nova.conf",  # the paste file must come first
            "OS_NEUTRON_CONFIG_DIR": str(self.path("etc/neutron")),
            "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
            **more,
        }

    def processes(self) -> dict[str, int]:
        """Name -> pid of those that live. Records of dead ones are removed."""
        found: dict[str, int] = {}
        for file in sorted(self.path("run").glob("*.pid")):
            pid, _, began = file.read_text().partition(" ")
            if pid.isdigit() and str(start_time(int(pid))) == began:
                found[file.stem] = int(pid)
            else:
                file.unlink(missing_ok=True)
        return found

    def spawn(
        self, name: str, command: Sequence[str], user: str | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a process in a session of its own, with none of our descriptors."""
        account = pwd.getpwnam(user) if user else None
        with self.path("log", f"{name}.out").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=dict(environment or self.environment()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        process.returncode = 0  # it outlives us: nobody here waits for it
        self.path("run", f"{name}.pid").write_text(f"{process.pid} {start_time(process.pid)}")
        self.started.append(name)

    def once(self, name: str, *command: str) -> None:
        """Run one program of the environment to its end."""
        log = self.path("log", f"{name}.out")
        with log.open("ab") as words:
            done = subprocess.run(
                [self.program(command[0]), *command[1:]],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                cwd=self.directory,
                check=False,
            )
        if done.returncode:
            raise LabError(f"{command[0]} ended with status {done.returncode} while the lab was set up; see {log}")

    def stop(self, fast: bool = False) -> None:
        """End every process; `fast` when nothing of the lab's data is wanted any more."""
        for group in (("nova-", "api-", "cinder-"), ("rabbit",), ("db",), ("epmd",)):
            ended = {name: pid for name, pid in self.processes().items() if name.startswith(group)}
            for name, pid in ended.items():
                kind = signal.SIGKILL if fast else signal.SIGTERM
                if name == "db":  # postmaster: immediate, or fast shutdown
                    kind = signal.SIGQUIT if fast else signal.SIGINT
                _signal(pid, kind, whole=fast and name != "db")
            self._await_end(ended, 15 if "db" in ended else 5)
            for pid in ended.values():
                _signal(pid, signal.SIGKILL, whole=True)
        self._await_end(self.processes(), 5)
        left = self.processes()
        if left:
            raise LabError(f"these processes of {self.directory} do not end: {left}")

    def _await_end(self, pids: Mapping[str, int], seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and pids.keys() & self.processes().keys():
            time.sleep(0.1)


def _signal(pid: int, kind: signal.Signals, whole: bool) -> None:
    try:
        if whole:
            os.killpg(pid, kind)
        else:
            os.kill(pid, kind)
    except ProcessLookupError:
        pass
