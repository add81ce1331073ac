"""Writes the configuration of every service, from the settings beside it, each time a lab comes up."""

from __future__ import annotations

import json
import shutil

from lab.openstack import controls, services_of_vms
from lab.openstack.places import HERE
from lab.openstack.sections import Sections
from lab.openstack.stack import APIS, PASSWORD, REGION, Stack

FOLDERS = (
    "run", "log", "home", "plug", "images", "staging", "tasks", "volumes", "lock", "etc", "neutron", "nova", "rabbit",
    "cinder/conversion", "cinder/coord",
)  # fmt: skip
RABBIT = """\
listeners.tcp.local = 127.0.0.1:{port}
log.file.level = warning
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
"""


def write(stack: Stack) -> None:
    """All files below the lab's directory."""
    for folder in FOLDERS:
        stack.path(folder).mkdir(parents=True, exist_ok=True)
    stack.path("log").chmod(0o777)  # PostgreSQL writes there as another user
    _plugs(stack)
    for api in APIS:
        folder = stack.path("etc", api)
        folder.mkdir(parents=True, exist_ok=True)
        shipped = stack.venv / "etc" / api
        for file in (*shipped.glob("*paste.ini"), *shipped.glob("resource_filters.json")):
            shutil.copy(file, folder)
    _ini(stack, "keystone/keystone.conf", controls.keystone(stack))
    _ini(stack, "glance/glance-api.conf", controls.glance(stack))
    _ini(stack, "placement/placement.conf", controls.placement(stack))
    _ini(stack, "neutron/neutron.conf", controls.neutron(stack))
    _ini(stack, "cinder/cinder.conf", services_of_vms.cinder(stack))
    _ini(stack, "nova/nova.conf", services_of_vms.nova(stack))
    for number in range(1, stack.computes + 1):
        stack.path("nova", f"cmp{number}").mkdir(parents=True, exist_ok=True)
        _ini(stack, f"nova/cmp{number}.conf", services_of_vms.compute(stack, f"cmp{number}"))
    stack.path("rabbit/rabbitmq.conf").write_text(RABBIT.format(port=stack.port("rabbit")))
    stack.path("rabbit/enabled_plugins").write_text("[].\n")
    account = {
        "auth_url": stack.identity_url, "username": "admin", "password": PASSWORD, "project_name": "admin",
        "user_domain_name": "Default", "project_domain_name": "Default",
    }  # fmt: skip
    clouds = {"clouds": {"meristem": {"auth": account, "region_name": REGION}}}
    stack.clouds_yaml.write_text(json.dumps(clouds, indent=2) + "\n")  # JSON is YAML
    stack.save()


def _ini(stack: Stack, file: str, sections: Sections) -> None:
    blocks = (
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()) for name, keys in sections.items()
    )
    stack.path("etc", file).write_text("\n".join(blocks))


def _plugs(stack: Stack) -> None:
    """Our drivers on the services' path; neutron finds its own through an entry point."""
    for file in (HERE / "plug").glob("*.py"):
        shutil.copy(file, stack.path("plug"))
    about = stack.path("plug", "meristem_lab-1.0.dist-info")
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: meristem-lab\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[neutron.ml2.mechanism_drivers]\nmeristem = meristem_ml2:AtOnce\n")
