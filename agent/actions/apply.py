"""apply: make a spec the one in force."""

from __future__ import annotations

from agent import durable
from agent.action import Action
from agent.jobs import install
from agent.jobs.spec import Spec
from agent.settings.model import is_dhcp
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm

_INSTANCE_FACTS = ("id", "az", "name", "deployment")


def run(vm: Vm, call: Call) -> str:
    """Argument: apply spec. Jobs and packages are installed only if it has a configuration_hash. Repeatable."""
    raw = dict(call.object(0, "apply spec"))
    if raw.get("networks"):
        raw["networks"] = _resolved(vm, raw)
    spec = Spec(raw)
    if spec.configuration_hash:
        install.fetch_all(vm, spec)
        install.enable(vm, spec, vm.spec.current)
        _limit_logs(vm, spec)
    vm.spec.replace(raw)
    for name in _INSTANCE_FACTS:
        durable.write_text(vm.layout.instance / name, str(raw.get(name) or ""))
    vm.state_may_have_changed()
    return "applied"


def _resolved(vm: Vm, raw: Json) -> Json:
    """Networks with the addresses that dynamic ones got by themselves."""
    found: Json = {}
    for name, network in Spec(raw).networks.items():
        needs = is_dhcp(network) and not network.get("ip")
        found[name] = {**network, **vm.platform.dynamic_address(network)} if needs else network
    return found


def _limit_logs(vm: Vm, spec: Spec) -> None:
    folder = vm.layout.etc / "logrotate.d"
    if not folder.is_dir():
        return
    logs = vm.layout.sys_log
    text = (
        f"{logs}/*.log {logs}/*/*.log {logs}/*/*/*.log {{\n"
        f"  missingok\n  rotate 7\n  compress\n  copytruncate\n  size {spec.max_log_file_size}\n  su root vcap\n}}\n"
    )
    if not durable.same_content(folder / "vcap", text.encode()):
        durable.write_text(folder / "vcap", text)


ACTION = Action(run, asynchronous=True)
