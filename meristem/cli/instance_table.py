"""Tables of instances and VMs from full-format rows."""

from __future__ import annotations

from dataclasses import dataclass

from meristem.cli.cells import lines, text
from meristem.cli.table import Bad, Cell, Table
from meristem.formats.values import Hash, Value, hashes, is_hash, is_list

_DETAILS = ("State", "VM CID", "VM Type", "Disk CIDs", "Agent ID", "Index", "Bootstrap", "Ignore")
_VITALS = (
    "VM Created At",
    "Uptime",
    "Load\n(1m, 5m, 15m)",
    "CPU\nTotal",
    "CPU\nUser",
    "CPU\nSys",
    "CPU\nWait",
    "Memory\nUsage",
    "Swap\nUsage",
    "System\nDisk Usage",
    "Ephemeral\nDisk Usage",
    "Persistent\nDisk Usage",
)


@dataclass(frozen=True)
class Columns:
    """Which column groups to show."""

    processes: bool = False
    details: bool = False
    vm: bool = False
    vitals: bool = False
    cloud_properties: bool = False
    deployment: bool = False


def build(content: str, found: list[Hash], columns: Columns) -> Table:
    """The table, sorted by instance; each instance's processes follow it."""
    header = ["Instance", *(["Process"] if columns.processes else []), "Process State", "AZ", "IPs"]
    header += ["Deployment"] if columns.deployment else []
    header += _DETAILS if columns.details else ("VM CID", "VM Type", "Active") if columns.vm else ()
    header += ["Stemcell"] if columns.details or columns.vm else []
    header += ["Cloud Properties"] if columns.cloud_properties else []
    header += _VITALS if columns.vitals else ()
    rows: list[list[Cell]] = []
    for item in sorted(found, key=lambda row: (text(row.get("deployment")), name(row))):
        rows.append(_row(item, columns))
        if columns.processes:
            processes = sorted(hashes(item.get("processes")), key=lambda process: text(process.get("name")))
            rows += [_process_row(item, process, columns, len(header)) for process in processes]
    return Table(content, header, rows)


def name(row: Hash) -> str:
    """`group/uuid`, `?` for an unknown group."""
    group, identity = text(row.get("job_name")) or "?", text(row.get("id"))
    return f"{group}/{identity}" if identity else group


def failing(row: Hash) -> bool:
    """True if the instance or one of its processes does not run as it should."""
    bad_process = any(process.get("state") != "running" for process in hashes(row.get("processes")))
    return _instance_state(row) not in ("running", "stopped", "detached", "") or bad_process


def _instance_state(row: Hash) -> str:
    return text(row.get("job_state")) or text(row.get("state"))


def _state_cell(state: str) -> Cell:
    return state if state == "running" else Bad(state)


def _row(row: Hash, columns: Columns) -> list[Cell]:
    cells: list[Cell] = [name(row), *([""] if columns.processes else []), _state_cell(_instance_state(row))]
    cells += [text(row.get("az")), lines(row.get("ips"))]
    if columns.deployment:
        cells.append(text(row.get("deployment")))
    vm_type = text(row.get("vm_type")) or text(row.get("resource_pool"))
    disks = row.get("disk_cids")
    if columns.details:
        shown_disks = lines(disks) if is_list(disks) and disks else text(row.get("disk_cid"))
        cells += [text(row.get("state")), text(row.get("vm_cid")), vm_type, shown_disks, text(row.get("agent_id"))]
        cells += [text(row.get("index")), text(bool(row.get("bootstrap"))), text(bool(row.get("ignore")))]
    elif columns.vm:
        cells += [text(row.get("vm_cid")), vm_type, text(row.get("active")) or "-"]
    if columns.details or columns.vm:
        stemcell = row.get("stemcell")
        known = is_hash(stemcell) and bool(stemcell.get("name"))
        cells.append(
            f"{text(stemcell.get('name'))}/{text(stemcell.get('version'))}" if is_hash(stemcell) and known else "-"
        )
    if columns.cloud_properties:
        properties = row.get("cloud_properties")
        cells.append(text(properties) if properties else "")
    if columns.vitals:
        cells += _vitals(row)
    return cells


def _vitals(row: Hash) -> list[Cell]:
    vitals = row.get("vitals")
    cpu, load = _inside(vitals, "cpu"), _inside(vitals, "load")
    memory, swap, disk = _inside(vitals, "mem"), _inside(vitals, "swap"), _inside(vitals, "disk")
    out: list[Cell] = [text(row.get("vm_created_at")), _uptime(_inside(vitals, "uptime"))]
    out.append(", ".join(text(item) for item in load) if is_list(load) else "")
    out += [_percent(_inside(cpu, key)) for key in ("total", "user", "sys", "wait")]
    out += [_memory(memory), _memory(swap)]
    out += [_disk(_inside(disk, kind)) for kind in ("system", "ephemeral", "persistent")]
    return out


def _process_row(row: Hash, process: Hash, columns: Columns, width: int) -> list[Cell]:
    # The instance's name is repeated in its processes' rows, so that rows can be searched on their own.
    cells: list[Cell] = [name(row), text(process.get("name")), _state_cell(text(process.get("state")))]
    cells += [""] * (width - len(cells))
    if columns.vitals:
        start = width - len(_VITALS)
        cells[start + 1] = _uptime(process.get("uptime"))
        cells[start + 3] = _percent(_inside(process.get("cpu"), "total"))
        cells[start + 7] = _memory(process.get("mem"))
    return cells


def _inside(value: Value, key: str) -> Value:
    return value.get(key) if is_hash(value) else None


def _percent(value: Value) -> str:
    shown = f"{value:.1f}" if isinstance(value, float) else text(value)
    return f"{shown}%" if shown else ""


def _uptime(value: Value) -> str:
    seconds = _inside(value, "secs")
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        return ""
    days, rest = divmod(seconds, 86400)
    return f"{days}d {rest // 3600}h {rest // 60 % 60}m {rest % 60}s"


def _memory(value: Value) -> str:
    percent, kilobytes = text(_inside(value, "percent")), text(_inside(value, "kb"))
    if not percent and not kilobytes:
        return ""
    amount = float(kilobytes or 0)
    shown = f"{amount / 1024 / 1024:.1f} GB" if amount >= 1024 * 1024 else f"{amount / 1024:.0f} MB"
    return f"{percent}% ({shown})"


def _disk(value: Value) -> str:
    percent, inodes = text(_inside(value, "percent")), text(_inside(value, "inode_percent"))
    return f"{percent}% ({inodes}i%)" if percent else ""
