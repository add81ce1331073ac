"""A real director process with its bus and database below one directory, over a simulated cloud with simulated agents."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2 as httpx
import yaml

from bench import goods
from cpi import lock
from cpi.sim.inventory import Inventory, Item
from cpi.sim.launch import LOCK
from director.adapters.authority import Authority
from director.adapters.bus import ca as bus_ca
from lab.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[1]
USER, PASSWORD = "bench", "bench"
OPEN = ("queued", "processing", "cancelling")
START = 60.0
STOP = 30.0
TICK = 1 / os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A measurement that cannot be made, with its reason."""


@dataclass
class Stage:
    """The director, seen from outside: its API, its files, its cloud."""

    directory: Path
    process: subprocess.Popen[bytes]
    http: httpx.Client
    inventory: Inventory
    program: tuple[str, ...] = ()

    @contextmanager
    def halted(self) -> Generator[None]:
        """The director is stopped meanwhile, so that rows can be planted, and started again after."""
        _end(self.process)
        yield
        self.process = _launch(self.directory, self.http.base_url.port or 0, self.program)

    @property
    def database(self) -> Path:
        return self.directory / "state" / "director.db"

    @property
    def bus(self) -> str:
        """The URL of nats-server."""
        return str(yaml.safe_load((self.directory / "director.yml").read_text())["mbus"])

    @property
    def cloud(self) -> Path:
        return self.directory / "cloud"

    def get(self, path: str) -> Any:
        """A JSON answer."""
        answer = self.http.get(path)
        if answer.status_code != 200:
            raise BenchError(f"GET {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def start(self, method: str, path: str, body: bytes = b"", kind: str = "text/yaml", **query: str) -> int:
        """A request that makes a task; its id."""
        answer = self.http.request(method, path, content=body, headers={"content-type": kind}, params=query)
        if answer.status_code != 302:
            raise BenchError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return int(answer.headers["location"].rsplit("/", 1)[-1])

    def wait(self, task: int, seconds: float, pause: float = 0.1) -> dict[str, Any]:
        """The task when it has ended well."""
        deadline = time.monotonic() + seconds
        while (found := self.get(f"/tasks/{task}"))["state"] in OPEN:
            if time.monotonic() > deadline:
                raise BenchError(f"task {task} ({found['description']}) has not ended within {seconds:.0f} s")
            if self.process.poll() is not None:
                raise BenchError(f"the director ended: {self.words()}")
            time.sleep(pause)
        if found["state"] != "done":
            raise BenchError(f"task {task} ({found['description']}) ended as {found['state']}: {found['result']}")
        return found

    def run(self, method: str, path: str, body: bytes = b"", kind: str = "text/yaml", seconds: float = 120) -> int:
        """A task, to its end."""
        task = self.start(method, path, body, kind)
        self.wait(task, seconds)
        return task

    def config(self, kind: str, content: Mapping[str, Any]) -> None:
        answer = self.http.post("/configs", json={"type": kind, "name": "default", "content": yaml.safe_dump(content)})
        if answer.status_code not in (200, 201):
            raise BenchError(f"{kind} config: {answer.text[:300]}")

    def furnish(self) -> None:
        """The stemcell, the release and the cloud config that `goods.manifest` needs."""
        self.run("POST", "/stemcells", goods.stemcell(), "application/x-compressed")
        self.run("POST", "/releases", goods.release(), "application/x-compressed")
        self.config("cloud", goods.cloud_config())

    def deploy(self, manifest: Mapping[str, Any], seconds: float) -> int:
        """Deploy; the task's id."""
        return self.run("POST", "/deployments", yaml.safe_dump(manifest, sort_keys=False).encode(), seconds=seconds)

    def took(self, task: int) -> tuple[float, float]:
        """When a task began and ended, by the director's clock, to the microsecond (the API tells whole seconds)."""
        from bench.history import task_times

        return task_times(self.database, task)

    def counters(self, prefix: str) -> Counter[str]:
        """Of the cloud: ``calls:``, ``refused:``, ``made:`` by method."""
        with self.inventory.transaction() as books:
            return Counter(books.counters(prefix))

    def vms(self) -> list[Item]:
        with self.inventory.transaction() as books:
            return books.all("vm")

    def processor(self) -> dict[str, float]:
        """Seconds of processor time so far, by process: director, CPI worker and its children, agents, bus."""
        found = {"director": _processor(self.process.pid)}
        for child in _children(self.process.pid):
            found["worker"] = found.get("worker", 0.0) + _processor(child)
        for name, pid_file in (("agents", self.cloud / LOCK), ("bus", self.directory / "state/nats/nats-server.pid")):
            with contextlib.suppress(OSError, ValueError):
                found[name] = _processor(int(pid_file.read_text()))
        return {name: round(value, 2) for name, value in found.items()}

    def resident(self) -> float:
        """MiB of memory of the director's process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def restart(self) -> None:
        """Kill the director as a power cut would, and start it again."""
        self.process.kill()
        self.process.wait(STOP)
        self.process = _launch(self.directory, int(self.http.base_url.port or 0), self.program)

    def words(self) -> str:
        """The last lines that the director has said."""
        return "\n".join((self.directory / "director.log").read_text(errors="replace").splitlines()[-8:])


@contextmanager
def stage(
    properties: Mapping[str, Any],
    *,
    width: int = 32,
    words: tuple[str, ...] = (),
    executable: str = "",
    own: Mapping[str, Any] | None = None,
    **config: Any,
) -> Generator[Stage]:
    """A director with an empty database; all of it is gone afterwards. ``properties``: those of the simulated cloud; ``width``: max_threads;
    ``words``: the command that runs the director in place of ``python -m director.main``; ``executable``: the CPI, in place of a warm worker;
    ``config``: keys over director.yml; ``own``: keys over its section ``meristem``."""
    with TemporaryDirectory(prefix="meristem-bench-") as place, contextlib.ExitStack() as stack:
        directory = Path(place)
        document, port = _director_yml(directory, properties, width)
        document.update(config)
        document["meristem"] |= own or {}
        if executable:
            document["meristem"]["cpi"]["exec_path"] = executable
        (directory / "director.yml").write_text(yaml.safe_dump(document))
        stack.callback(_end_helpers, directory)
        program = words or (sys.executable, "-m", "director.main")
        trusted = ssl.create_default_context(cafile=str(directory / "api.pem"))
        http = httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted, auth=(USER, PASSWORD), timeout=60)
        stack.callback(http.close)
        inventory = Inventory(directory / "cloud")
        stack.callback(inventory.close)
        made = Stage(directory, _launch(directory, port, program), http, inventory, program)
        stack.callback(lambda: _end(made.process))
        made.furnish()
        yield made


def _director_yml(directory: Path, properties: Mapping[str, Any], width: int) -> tuple[dict[str, Any], int]:
    files = bus_ca.create(directory / "bus", ["127.0.0.1"])
    authority, trusted = Authority.create("bench")
    pair = authority.issue("bench", hosts=["127.0.0.1"], server=True)
    (directory / "api.pem").write_text(pair.certificate + trusted.certificate)
    (directory / "api.key").write_text(pair.private_key)
    port = free_port()
    api = {"address": "127.0.0.1", "port": port}
    api |= {"certificate": str(directory / "api.pem"), "private_key": str(directory / "api.key")}
    cloud = {"state_dir": str(directory / "cloud"), "seed": 1, "agents": {"heartbeat": 30, "linger": 5}, **properties}
    document: dict[str, Any] = {
        "name": "bench",
        "port": free_port(),
        "dir": str(directory / "state"),
        "mbus": f"nats://127.0.0.1:{free_port()}",
        "nats": files.director_settings(),
        "max_threads": width,
        "user_management": {"local": {"users": [{"name": USER, "password": PASSWORD}]}},
        "agent": {"agent_wait_timeout": 300},
        "logging": {"level": "INFO"},
        "meristem": {
            "api": api,
            "blobs": {"address": "127.0.0.1", "port": free_port()},
            "nats": {"managed": True},
            "cpi": {"type": "sim", "properties": cloud},
        },
    }
    return document, port


def _launch(directory: Path, port: int, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BOSH_", "MERISTEM_"))}
    with (directory / "director.log").open("ab") as log:
        process = subprocess.Popen(
            [*words, "--config", str(directory / "director.yml")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            env=environment,
        )
    deadline = time.monotonic() + START
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        if process.poll() is not None or time.monotonic() > deadline:
            _end(process)
            tail = (directory / "director.log").read_text(errors="replace")[-2000:]
            raise BenchError(f"the director does not listen:\n{tail}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP)


def _end_helpers(directory: Path) -> None:
    """The agents and the bus outlive a director, as they should; not the bench."""
    held = directory / "cloud" / LOCK
    pids = [held] if held.exists() and not lock.is_free(held) else []
    pids += list((directory / "state" / "nats").glob("*.pid"))
    for file in pids:
        with contextlib.suppress(OSError, ValueError):
            _end_process(int(file.read_text()))


def _end_process(pid: int) -> None:
    for how, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.05)


def _processor(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) * TICK


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(one) for one in file.read_text().split()]
    return found


def many_files() -> None:
    """As many open files as allowed: thousands of agents have a connection each."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
