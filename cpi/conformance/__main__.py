"""`meristem cpi check NAME`: hold a CPI against every sentence of the contract."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cpi.conformance import report as reports
from cpi.conformance.check import Check, all_cases, chosen
from cpi.conformance.config import Config, ConfigError, load
from cpi.conformance.probes import ProbeError
from cpi.conformance.result import Result
from cpi.conformance.run import run_to_end
from cpi.contract import CpiError

BROKEN, UNUSABLE = 1, 2


def main(argv: list[str] | None = None) -> int:
    """0 if every case passed or was skipped; 1 if one failed or something was left; 2 if nothing could be checked."""
    options = _options(argv)
    if options.list:
        for one in all_cases():
            print(f"{one.id:28} {one.must}")
        return 0
    if options.name is None:
        return _refuse("NAME is missing: a plugin's name, or the path of an executable (with a '/')")
    try:
        cases = chosen(options.only)
        config = load(options.config) if options.config else Config.default()
    except KeyError as error:
        return _refuse(f"no case is called {error.args[0]}; `meristem cpi check --list` names them")
    except ConfigError as error:
        return _refuse(str(error))

    def told(result: Result) -> None:
        print(reports.line(result), flush=True)

    try:
        report = run_to_end(Check(options.name, config), cases, told)
    except (CpiError, ProbeError) as error:
        return _refuse(str(error))
    print(reports.summary(report))
    for path, text in ((options.json, reports.to_json), (options.junit, reports.to_junit)):
        if path is not None:
            path.write_text(text(report))
    return 0 if report.good else BROKEN


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="meristem cpi check", description="Check a CPI against the contract.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a plugin's name, or the path of an executable")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML: properties, stemcell, networks, probes ..")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="this case, or all that begin so")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the report as JUnit XML")
    parser.add_argument("--list", action="store_true", help="name all cases and their sentences")
    return parser.parse_args(argv)


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
