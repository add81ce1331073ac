"""The protocol itself: info, unknown methods, arguments of the wrong shape."""

from __future__ import annotations

from typing import cast

from cpi.conformance.case import BOSH, case, documented
from cpi.conformance.trial import Trial
from cpi.contract import CpiError, MethodNotImplemented, NotSupported

RPC = f"{BOSH}cpi-api-rpc/"


@case(
    "info.formats",
    must="info must answer a hash with stemcell_formats, a list of strings that is not empty.",
    why="The director chooses the CPI for a stemcell by its formats; without them no stemcell can be uploaded.",
    source=documented("info"),
    needs=("info",),
)
async def formats(trial: Trial) -> None:
    answer = await trial.call("info")
    trial.expect(isinstance(answer, dict), f"info answered {answer!r}")
    found = cast("dict[str, object]", answer).get("stemcell_formats")
    good = isinstance(found, list) and found and all(isinstance(one, str) and one for one in found)
    trial.expect(good, f"stemcell_formats is {found!r}")


@case(
    "info.version",
    must="info must answer api_version, a whole number of at least 2.",
    why="Today's director refuses CPIs below version 2, and those that do not tell one.",
    source=f"{BOSH}cpi-api-v2-migration-guide/",
    needs=("info",),
)
async def version(trial: Trial) -> None:
    answer = await trial.call("info")
    found = cast("dict[str, object]", answer).get("api_version") if isinstance(answer, dict) else None
    good = isinstance(found, int) and not isinstance(found, bool) and found >= 2
    trial.expect(good, f"api_version is {found!r}")


@case(
    "answer.unknown-method",
    must="A method that the CPI does not know must be refused as NotImplemented, or as InvalidCall 'Method is not known, got ..'.",
    why="The director calls newer methods on older CPIs and takes its fallback on this very answer; any other error fails the task.",
    source=RPC,
)
async def unknown_method(trial: Trial) -> None:
    answer = await trial.attempt_any("transmogrify_vm", "vm-1")
    trial.expect(isinstance(answer, CpiError), f"transmogrify_vm answered {answer!r}")
    error = cast(CpiError, answer)
    good = isinstance(error, MethodNotImplemented | NotSupported)
    trial.expect(good, f"transmogrify_vm was refused with {error.type_name}: {error.message}")


@case(
    "answer.undeclared",
    must="Every call that is not declared must be refused as NotImplemented or NotSupported.",
    why="The director tries optional calls and takes its fallback on these two types only.",
    source=RPC,
)
async def undeclared(trial: Trial) -> None:
    for method, arguments in {
        "snapshot_disk": ["disk-nowhere", {}],
        "resize_disk": ["disk-nowhere", 2048],
        "configure_networks": ["vm-nowhere", {}],
        "set_disk_metadata": ["disk-nowhere", {}],
        "calculate_vm_cloud_properties": [{"cpu": 1, "ram": 512, "ephemeral_disk_size": 1024}],
    }.items():
        if method in trial.subject.declared:
            continue
        answer = await trial.attempt_any(method, *arguments)
        good = isinstance(answer, MethodNotImplemented | NotSupported)
        trial.expect(good, f"{method} is not declared, and answered {answer!r}")


@case(
    "answer.arguments",
    must="A call whose arguments do not have the shape of the contract must be refused, and must do nothing.",
    why="A half-understood call makes things that nobody asked for; a director's mistake has to come to light at once.",
    source=RPC,
)
async def arguments(trial: Trial) -> None:
    before = await trial.inventory()
    for method, given in (
        ("create_disk", ["large", {}, None]),
        ("create_disk", []),
        ("create_vm", ["agent"]),
        ("attach_disk", ["vm-nowhere"]),
        ("delete_vm", []),
    ):
        answer = await trial.attempt_any(method, *given)
        if not isinstance(answer, CpiError) and method == "create_disk":
            trial.ledger.took("disk", str(answer))
        trial.expect(isinstance(answer, CpiError), f"{method} with arguments {given!r} answered {answer!r}")
    after = await trial.inventory()
    trial.expect(before == after, f"these came into being: {sorted((after or set()) - (before or set()))}")
