"""A CPI that runs VMs as QEMU processes of this machine. Each object is a directory below `state_dir`, named by its CID."""

# fmt: off
import fcntl
import hashlib
import json
import re
import shutil
import socket
import subprocess
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

from cpi import contract

QEMU = "qemu-system-x86_64"

def cid_of(kind, key):
    return f"{kind}-{hashlib.sha256((key or uuid.uuid4().hex).encode()).hexdigest()[:16]}"

def place_of(call, cid, missing=None):
    place = Path(call.properties["state_dir"], cid if re.fullmatch(r"[a-z]+-[0-9a-f]{16}", cid) else "nowhere")
    if missing and not (place / "ready").exists():
        raise missing(f"'{cid}' does not exist")
    return place

@contextmanager
def locked(call):
    top = Path(call.properties["state_dir"])
    top.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (top / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a process that dies lets go by that
        call.check()
        yield

def made(call, kind, fill):
    place = place_of(call, cid_of(kind, call.key))
    if not (place / "ready").exists():
        wipe(place)
        place.mkdir()
        try:
            fill(place)
        except BaseException:
            wipe(place)
            raise
        (place / "ready").touch()
    return place.name

def wipe(place):
    while run("pkill", "-9", "-f", f"^{QEMU} .*{place}/", check=False) == 0:
        time.sleep(0.01)
    shutil.rmtree(place, ignore_errors=True)

def run(*words, check=True, error=contract.CloudError):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise error(f"{words[0]}: {done.stderr.strip()}")
    return done.returncode

def qmp(vm, command, until="return", fine="\0", **arguments):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(vm / "qmp"))
        lines = connection.makefile("r")
        for word, given, last in (("qmp_capabilities", {}, "return"), (command, arguments, until)):
            connection.sendall(json.dumps({"execute": word, "arguments": given}).encode())
            while last not in (told := json.loads(lines.readline())) and told.get("event") != last:
                if "error" in told and fine in told["error"]["desc"]:
                    break
                if "error" in told:
                    raise contract.CloudError(f"{command} of VM '{vm.name}': {told['error']['desc']}")

@contract.implements
def info():
    return contract.Info(("qemu-raw", "qemu-qcow2"))

@contract.implements
def create_stemcell(call, image_path):
    with locked(call):
        return made(call, "stemcell", lambda place: run("qemu-img", "convert", "-O", "qcow2", image_path, place / "image"))

@contract.implements
def delete_stemcell(call, stemcell_cid):
    with locked(call):
        wipe(place_of(call, stemcell_cid))

@contract.implements
def create_vm(call, agent_id, stemcell_cid, cloud_properties, networks, env):
    answer = {name: dict(network.raw) for name, network in networks.items()}
    def start(place):
        image, drive = place_of(call, stemcell_cid, contract.StemcellNotFound) / "image", place / "config/ec2/latest"
        drive.mkdir(parents=True)
        settings = {"agent_id": agent_id, "vm": {"name": place.name}, "networks": answer, "env": env, **call.properties.get("agent", {})}
        (drive / "user-data").write_text(json.dumps(settings))
        (place / "agent").write_text(agent_id)
        (place / "disks").mkdir()
        run("qemu-img", "create", "-f", "qcow2", "-F", "qcow2", "-b", image, place / "root")
        run(QEMU, "-machine", "pc,accel=tcg", "-m", cloud_properties.get("memory", 256), "-nodefaults", "-display", "none",
            "-daemonize", "-qmp", f"unix:{place}/qmp,server=on,wait=off", "-device", "virtio-scsi-pci,id=scsi",
            "-drive", f"file={place}/root,format=qcow2,if=virtio", "-device", "virtio-blk-pci,drive=config",
            "-blockdev", f"vvfat,node-name=config,read-only=on,label=config-2,dir={place}/config",
            *["-nic", "user,model=virtio"] * len(networks), error=contract.VMCreationFailed)
    with locked(call):
        cid = made(call, "vm", start)
        if (place_of(call, cid) / "agent").read_text() != agent_id:
            raise contract.CloudError(f"VM '{cid}' was made for another agent")
    return contract.VmCreated(cid, answer)

@contract.implements
def delete_vm(call, vm_cid):
    with locked(call):
        wipe(place_of(call, vm_cid))

@contract.implements
def has_vm(call, vm_cid):
    return (place_of(call, vm_cid) / "ready").exists()

def holders(disk):
    return set(disk.parent.glob(f"vm-*/disks/{disk.name}"))

@contract.implements
def create_disk(call, size):
    with locked(call):
        return made(call, "disk", lambda place: run("qemu-img", "create", "-f", "raw", place / "data", f"{size}M"))

@contract.implements
def delete_disk(call, disk_cid):
    with locked(call):
        if holders(place_of(call, disk_cid)):
            raise contract.CloudError(f"disk '{disk_cid}' is attached")
        wipe(place_of(call, disk_cid))

@contract.implements
def has_disk(call, disk_cid):
    return (place_of(call, disk_cid) / "ready").exists()

@contract.implements
def attach_disk(call, vm_cid, disk_cid):
    with locked(call):
        vm, disk = place_of(call, vm_cid, contract.VMNotFound), place_of(call, disk_cid, contract.DiskNotFound)
        if holders(disk) - {vm / "disks" / disk_cid}:
            raise contract.CloudError(f"disk '{disk_cid}' is attached to another VM")
        (vm / "disks" / disk_cid).touch()
        file = {"driver": "file", "filename": f"{disk}/data"}
        qmp(vm, "blockdev-add", fine="Duplicate", **{"node-name": disk_cid, "driver": "raw", "file": file})
        qmp(vm, "device_add", fine="Duplicate", driver="scsi-hd", id=f"of-{disk_cid}", drive=disk_cid, device_id=disk_cid)
    return contract.DiskHint({"path": f"/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_{disk_cid}"})

@contract.implements
def detach_disk(call, vm_cid, disk_cid):
    with locked(call):
        vm = place_of(call, vm_cid, contract.VMNotFound)
        if not (vm / "disks" / disk_cid).exists():
            raise contract.DiskNotAttached(f"disk '{disk_cid}' is not attached to VM '{vm_cid}'")
        qmp(vm, "device_del", until="DEVICE_DELETED", fine="not found", id=f"of-{disk_cid}")
        qmp(vm, "blockdev-del", fine="Failed to find", **{"node-name": disk_cid})
        (vm / "disks" / disk_cid).unlink()

@contract.implements
def find(call, kind, key):
    place = place_of(call, cid_of(kind, key))
    with locked(call):
        if (place / "ready").exists():
            return place.name
        wipe(place)
