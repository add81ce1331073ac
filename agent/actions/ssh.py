"""ssh: let an operator in for a while, and out again."""

from __future__ import annotations

from agent.action import Action
from agent.errors import ArgumentError
from agent.shapes import Json, as_string
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Arguments: ``setup`` {user, public_key} or ``cleanup`` {user_regex}. Repeatable."""
    order = call.text(0, "command")
    params = call.object(1, "params")
    homes = vm.layout.ssh_homes
    answer: Json = {"command": order, "status": "success"}
    if order == "setup":
        user = as_string(params.get("user"), "ssh: user")
        vm.platform.add_ssh_user(user, as_string(params.get("public_key"), "ssh: public_key"), homes)
        network = vm.settings.default_network()
        spec_addresses = [str(net.get("ip")) for net in vm.spec.current.networks.values() if net.get("ip")]
        address = str(network.get("ip") or next(iter(spec_addresses + vm.settings.addresses), ""))
        return {**answer, "ip": address, "host_public_key": vm.platform.host_public_key()}
    if order == "cleanup":
        vm.platform.remove_ssh_users(as_string(params.get("user_regex"), "ssh: user_regex"), homes)
        return answer
    raise ArgumentError(f"ssh: command {order!r:.40}: expected setup or cleanup")


ACTION = Action(run, changes=True)
