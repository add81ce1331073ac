"""What is said over the warden's unix socket: one question a connection as one JSON line, answered by one line or a stream of them.

A question is a struct with the tag ``ask``; an answer is the struct named at the question, or a `Fault`. A connection that
is closed by the asker ends a stream; nothing that runs in a container depends on it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FaultCode = Literal["bad_request", "exists", "no_such_container", "no_such_process", "no_room", "failed"]
State = Literal["creating", "running", "stopped"]
User = Literal["vcap", "root"]
Stream = Literal["OUT", "ERR"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one container: memory and disk in MB; `cpu_cores` (0: none) is a ceiling, `cpu_shares` the weight against others."""

    memory_mb: int
    disk_mb: int
    cpu_shares: int = 1024
    cpu_cores: float = 0
    pids: int = 512
    fds: int = 16384


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """A file or directory of the machine that is seen in the container at `target`."""

    source: str
    target: str
    writable: bool = False


class Egress(msgspec.Struct, frozen=True, kw_only=True):
    """Somewhere the container may connect to: `destination` an address, CIDR or ``first-last``; `ports` as ``80,8000-8010``, empty: all."""

    protocol: Literal["tcp", "udp", "icmp", "all"] = "tcp"
    destination: str
    ports: str = ""


class Create(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="create"):
    """Make a container and start its init; answered by `Created`. `owner` groups containers for `List`, `properties` are kept for it.

    `closed`: nothing may be reached but `egress`, whatever holds for other containers.
    """

    handle: str
    rootfs: str
    limits: Limits
    owner: str = ""
    hostname: str = ""
    binds: list[Bind] = []
    egress: list[Egress] = []
    closed: bool = False
    properties: dict[str, str] = {}


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of the container and of its machine's end of the link."""

    handle: str
    container_ip: str
    host_ip: str
    disk_enforced: bool


class Run(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="run"):
    """Start a process; answered by `Started`. Its output goes to a file that outlives the warden; `env` is all it gets besides PATH."""

    handle: str
    argv: list[str]
    user: User = "vcap"
    env: dict[str, str] = {}
    cwd: str = "/home/vcap"


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """`process` names it within its container."""

    handle: str
    process: str


class Wait(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="wait"):
    """Answered by `Exit` once the process has ended, however long that takes."""

    handle: str
    process: str


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: `status` as a shell gives it (128 + signal). `oom`: the memory limit was hit. `at`: seconds since 1970."""

    status: int
    oom: bool = False
    description: str = ""
    at: float = 0


class Lines(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="lines"):
    """Follow a process's output; a stream of `Batch` until it has ended and all is read.

    `cursor` is that of the last batch seen, empty for the beginning. Beyond `rate` bytes a second (0: no bound) output is passed over.
    """

    handle: str
    process: str
    cursor: str = ""
    rate: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of output; `at` in nanoseconds since 1970."""

    at: int
    text: str
    stream: Stream = "OUT"


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some lines; `passed_over` bytes of output before them were dropped. `cursor`: where to go on after a break. `last`: all is read."""

    cursor: str
    lines: list[Line] = []
    passed_over: int = 0
    last: bool = False


class Info(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="info"):
    """Answered by `Details`."""

    handle: str


class ProcessDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A process that was started by `Run`; `pid` is the machine's, `exit` there once it has ended."""

    process: str
    pid: int
    exit: Exit | None = None


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A TCP port of the machine that leads to one of the container."""

    host_port: int
    container_port: int


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """State and use. Memory and disk in bytes, CPU time in nanoseconds, `oom_kills`: how often the memory limit killed a process."""

    handle: str
    owner: str
    state: State
    container_ip: str
    host_ip: str
    limits: Limits
    properties: dict[str, str]
    memory: int
    disk: int
    cpu_ns: int
    pids: int
    oom_kills: int
    disk_enforced: bool
    ports: list[Port]
    processes: list[ProcessDetails]
    created_at: float


class Limit(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="limit"):
    """Change limits; the disk's stays as created, open files hold for later processes. Answered by `Done`."""

    handle: str
    limits: Limits


class NetIn(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="net_in"):
    """Lead a TCP port of the machine (0: any free one of the pool) to the container's; answered by `Port`."""

    handle: str
    container_port: int
    host_port: int = 0


class NetOut(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="net_out"):
    """Replace what this container may connect to beyond what all may. Answered by `Done`."""

    handle: str
    egress: list[Egress]


class CopyIn(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="copy_in"):
    """Bring a file or directory into the container as the user's own. Answered by `Done`.

    A tar archive (plain or gzip) is unpacked into the directory `target` where `unpack`; a directory's content goes into the directory
    `target`; a file becomes the file `target`.
    """

    handle: str
    source: str
    target: str
    unpack: bool = False
    user: User = "vcap"


class CopyOut(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="copy_out"):
    """Bring the container's file `source` to the new file `target` of the machine, of at most `max_bytes`. Answered by `Done`."""

    handle: str
    source: str
    target: str
    max_bytes: int = 4 << 30


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="stop"):
    """End what runs (only `process` and its children where given): SIGTERM, `grace` seconds, SIGKILL. Answered by `Done` when it has ended.

    The container stays, with its files.
    """

    handle: str
    process: str = ""
    grace: float = 10


class Destroy(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="destroy"):
    """End all, remove all. Answered by `Done`, also where there is no such container."""

    handle: str


class List(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="list"):
    """Answered by `Listed`: the containers of `owner`, of all owners where empty."""

    owner: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Handles, oldest first."""

    handles: list[str]


class Ping(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="ping"):
    """Answered by `Done` when the warden is fit to serve."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It is so."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """It is not so, and why."""

    fault: FaultCode
    message: str


Ask = Create | Run | Wait | Lines | Info | Limit | NetIn | NetOut | CopyIn | CopyOut | Stop | Destroy | List | Ping
