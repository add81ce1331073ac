"""All cases. The order of these imports is the order in which they run."""

# ruff: noqa: I001
from cpi.conformance.cases import answers as answers
from cpi.conformance.cases import stemcells as stemcells
from cpi.conformance.cases import vms as vms
from cpi.conformance.cases import vm_arguments as vm_arguments
from cpi.conformance.cases import metadata as metadata
from cpi.conformance.cases import disks as disks
from cpi.conformance.cases import attachments as attachments
from cpi.conformance.cases import disk_changes as disk_changes
from cpi.conformance.cases import snapshots as snapshots
from cpi.conformance.cases import networks as networks
from cpi.conformance.cases import keys as keys
from cpi.conformance.cases import lost as lost
from cpi.conformance.cases import crowd as crowd
from cpi.conformance.cases import capacity as capacity
from cpi.conformance.cases import data as data
from cpi.conformance.cases import secrecy as secrecy
from cpi.conformance.cases import leaks as leaks
