"""docs/reference/cpi-conformance.md, from the cases themselves: `python -m lab.pages.conformance`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from cpi.conformance.case import Case
from cpi.conformance.check import all_cases

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/cpi-conformance.md"
BEGIN = """\
# CPI conformance

Written by `python -m lab.pages.conformance` from the cases themselves. The kit holds a CPI against every sentence of the contract:

    meristem cpi check NAME [--config FILE] [--only ID] [--json FILE] [--junit FILE]

`NAME` is a plugin (`sim`, `libvirt`, an installed one, or `package.module`), which runs in a worker as it does under the director; or, with a `/` in it, the path of a
one-shot BOSH CPI executable. `--only` takes an id or its beginning, and may stand several times; `--list` names all cases. A failure names the sentence that is broken,
why it matters, and what was seen. Exit status: 0 all passed or skipped, 1 a case failed or something was left behind, 2 nothing could be checked.

Everything that a check makes it removes, after each case, after a failure, and after Ctrl-C (once: it cleans up and reports what it has). What it could not remove it names.
It never deletes what it has not made; give it an inventory where a CPI keeps one stemcell for each image and a director may be using that very image.

Under pytest there is one test per case:

    pytest -p cpi.conformance.plugin --pyargs cpi.conformance.suite --cpi NAME --cpi-config FILE

or, in a test file of your own, a fixture `cpi_check` with session scope that returns (name, path of the configuration), and a test that takes `cpi_case` and calls it.

## What is declared

A plugin declares what it implements; an executable of ours says it in `info`. Cases of calls that are not declared are skipped, and the call must then be refused as
NotImplemented or NotSupported. Of an executable that says nothing, a call that answers NotImplemented counts as not declared. `capabilities` in the configuration
takes the place of all this; the eight calls without which there is no CPI are always checked.

## The configuration

YAML; all keys are optional. Relative paths are taken from the file's directory.

| Key | Meaning | Default |
| --- | --- | --- |
| `properties` | the CPI's own properties, sent in the context of each call, as those of a CPI config are | none |
| `environment` | variables for the worker or the executable | none |
| `stemcell.image` | the image | one of 1 MiB that the kit makes, raw or qcow2: it starts, halts, and stays on |
| `stemcell.cloud_properties`, `stemcell.api_version` | as in stemcell.MF | none, 3 |
| `vm.cloud_properties` | of every VM | none |
| `disk.size`, `disk.grow_to`, `disk.cloud_properties` | MiB | 64, twice the size, none |
| `networks.NAME` | `type` manual or dynamic; for manual ones `addresses: FIRST-LAST` that the kit may use; `netmask`, `gateway`, `dns`, `cloud_properties` | one manual network, 10.254.77.10 to .250 |
| `managed_network` | the argument of create_network | none: its case is skipped |
| `env` | merged over the env that the kit sends | none |
| `limits.at_once` | creations at the same time | 20 |
| `capabilities` | what is declared, in place of what the CPI says | |
| `versions` | contract versions to check | plugins 1 to their own, executables 2 to their own |
| `timeouts.METHOD`, `timeouts.default` | seconds after which a call is hung | 60 |
| `impossible.vm`, `impossible.disk` | `cloud_properties` (and `size`) for which the cloud has no room; `ok_to_retry` if trying again can help | none: their cases are skipped |
| `probes.inventory` | lists all objects of the cloud that the CPI may make, one per line | none: leaks are sought by `find` and `has_*` only |
| `probes.settings` | prints, as JSON, the settings that the agent of `{vm}` reads | none: skipped |
| `probes.write`, `probes.read` | write `{text}` on `{disk}` as `{vm}` sees it (`{hint}`), and print it | none: skipped |
| `probes.vanish` | destroys `{vm}` behind the CPI's back | none: skipped |
| `secrets` | values that must stand in no log, beside those that the properties' names tell | none |
| `logs` | log files that are searched for them | none |

A probe is a list of words (a command; `{vm}` and the like are filled in), or `module:function`, which gets the properties and the rest by name.

## The cases

Ids are stable.
"""


def page() -> str:
    """The whole page."""
    parts = [BEGIN]
    for group, cases in groupby(sorted(all_cases(), key=lambda one: one.group), key=lambda one: one.group):
        rows = [_row(one) for one in cases]
        parts.append(
            "\n".join([f"### {group}\n", "| Case | Must | Why | Needs |", "| --- | --- | --- | --- |", *rows]) + "\n"
        )
    return "\n".join(parts)


def _row(one: Case) -> str:
    needs = [*(f"`{name}`" for name in (*one.needs, *one.wants)), *([f"version {one.version}"] if one.version else [])]
    return f"| `{one.id}` | {one.must} | {one.why} | {', '.join(needs) or '-'} |"


if __name__ == "__main__":
    PAGE.write_text(page())
