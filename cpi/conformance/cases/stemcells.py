"""create_stemcell and delete_stemcell."""

from __future__ import annotations

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial
from cpi.contract import CpiError, StemcellNotFound


@case(
    "stemcell.create",
    must="create_stemcell must answer a CID from which create_vm makes a VM.",
    why="Every VM stands on a stemcell; the director keeps this CID and never sees the image again.",
    source=documented("create_stemcell"),
)
async def create(trial: Trial) -> None:
    await trial.stemcell()
    await trial.vm()


@case(
    "stemcell.tags",
    must="create_stemcell of version 3 must take a third argument, env with tags.",
    why="The director of today sends it to every CPI that tells version 3.",
    source="bosh src/bosh-director/lib/clouds, cpi-api-v3",
    version=3,
)
async def tags(trial: Trial) -> None:
    await trial.new_stemcell({"tags": {"owner": "kit", "note": "a b"}})


@case(
    "stemcell.missing-image",
    must="create_stemcell must fail when the image cannot be read, and make nothing.",
    why="A stemcell without an image is noticed only when VMs made from it do not boot.",
    source=documented("create_stemcell"),
)
async def missing(trial: Trial) -> None:
    path = trial.shared.directory / "no-such-image"
    before = await trial.inventory()
    properties = trial.shared.stemcell_arguments()[1]
    await trial.not_made("stemcell", [str(path), properties], (CpiError,))
    after = await trial.inventory()
    trial.expect(before == after, f"these came into being: {sorted((after or set()) - (before or set()))}")


@case(
    "stemcell.delete",
    must="delete_stemcell must remove the stemcell: no VM can be made from it afterwards.",
    why="Images that are never removed fill the cloud's storage.",
    source=documented("delete_stemcell"),
)
async def delete(trial: Trial) -> None:
    gone = await trial.gone("stemcell")
    await trial.not_made("vm", trial.vm_arguments(gone), (CpiError,))


@case(
    "stemcell.delete.gone",
    must="delete_stemcell of a stemcell that is gone must succeed, or raise StemcellNotFound.",
    why="A clean-up whose first try was cut off is repeated; it must come to its end.",
    source="cpi/contract.py, delete_stemcell",
)
async def delete_gone(trial: Trial) -> None:
    await trial.tolerated("delete_stemcell", await trial.gone("stemcell"), by=(StemcellNotFound,))
