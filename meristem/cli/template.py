"""The -v, -l, -o family of flags, and evaluating a YAML file with them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from meristem.cli.verb import option
from meristem.formats import interpolate, ops_files, yaml_dump
from meristem.formats.errors import FormatError
from meristem.formats.interpolate import Sources
from meristem.formats.ops_files import Operation
from meristem.formats.values import Hash, Value, is_hash, kind_of
from meristem.formats.yaml_marks import load


def options() -> list[click.Parameter]:
    """Flags for variables and ops files; their values reach the verb as `variables=Flags`-ready keywords."""
    return [
        option("-v", "--var", "var", multiple=True, metavar="NAME=VALUE", help="Set a variable."),
        option("--var-file", multiple=True, metavar="NAME=PATH", help="Set a variable to a file's content."),
        option("-l", "--vars-file", multiple=True, metavar="PATH", help="Load variables from a YAML file."),
        option("--vars-env", multiple=True, metavar="PREFIX", help="Load variables from PREFIX_name=value."),
        option("--vars-store", metavar="PATH", help="Load, generate and save variables in a YAML file."),
        option("-o", "--ops-file", multiple=True, metavar="PATH", help="Apply an ops file."),
    ]


def evaluate(path: str, flags: dict[str, Any], *, expect_found: bool = False, expect_used: bool = False) -> Value:
    """The document of a YAML file (`-` = standard input) with ops files and variables applied.

    `flags` are the keywords of `options()`. The variables store is written even if evaluation fails afterwards.
    """
    document = load(read(path), path)
    return interpolate.interpolate(
        document, _sources(flags), _operations(flags), expect_found=expect_found, expect_used=expect_used
    )


def evaluate_text(path: str, flags: dict[str, Any]) -> tuple[str, Hash]:
    """As `evaluate`, for a file whose top must be a hash: the text to send and the document.

    Without any flag the text goes out as it was written, comments included.
    """
    document = evaluate(path, flags)
    if not is_hash(document):
        raise FormatError(440001, f"Expected a hash, found {kind_of(document)}", place=path, remedy="Check the file.")
    untouched = not any(flags[key] for key in ("var", "var_file", "vars_file", "vars_env", "vars_store", "ops_file"))
    return (read(path) if untouched and path != "-" else yaml_dump.dump(document)), document


def read(path: str) -> str:
    """A file's text, or standard input for `-`."""
    if path == "-":
        return sys.stdin.read()
    return interpolate.read_text(Path(path).expanduser(), "file")


def _operations(flags: dict[str, Any]) -> list[Operation]:
    return [operation for path in flags["ops_file"] for operation in ops_files.read(read(path), path)]


def _sources(flags: dict[str, Any]) -> Sources:
    sources = Sources()
    for prefix in flags["vars_env"]:
        sources.add_environment(prefix, os.environ)
    for path in flags["vars_file"]:
        sources.add_file(Path(path).expanduser())
    for pair in flags["var_file"]:
        sources.add_file_value(pair)
    for pair in flags["var"]:
        sources.add_value(pair)
    if flags["vars_store"]:
        from meristem.formats.vars_store import VarsStore

        sources.store = VarsStore(Path(flags["vars_store"]).expanduser())
    return sources
