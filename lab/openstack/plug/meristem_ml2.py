# pyright: basic, reportMissingImports=false
# runs in the services' own environment, not in this project's
"""ML2 mechanism driver that binds every port at once, on any host.

There is no L2 agent behind it: a port given a binding host gets vif_type
`tap` (or what [meristem] vif_type says) and becomes ACTIVE immediately, and
Neutron then tells Nova network-vif-plugged as usual.
"""

import os

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class AtOnce(api.MechanismDriver):
    def initialize(self):
        self.vif_type = os.environ.get("MERISTEM_VIF_TYPE", "tap")

    @property
    def connectivity(self):
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context):
        if not context.host or context.host.startswith("unbindable"):
            return  # gives binding_failed, for tests
        for segment in context.segments_to_bind:
            context.set_binding(
                segment[api.ID],
                self.vif_type,
                {portbindings.CAP_PORT_FILTER: True},
                status=constants.PORT_STATUS_ACTIVE,
            )
            return

    def filter_hosts_with_segment_access(self, context, segments, candidate_hosts, agent_getter):
        return set(candidate_hosts)
