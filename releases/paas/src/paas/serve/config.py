"""Reads a component's configuration: one JSON file, checked against its struct."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeVar

import msgspec

C = TypeVar("C")


class ConfigError(Exception):
    """The file cannot be read, or is not what the component expects; says where and what."""


def read_config(path: Path, kind: type[C]) -> C:
    """The configuration in `path`; ConfigError names the file, the key and what was expected."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path}: {error}") from None


def config_argument(component: str, arguments: list[str]) -> Path:
    """``--config FILE`` of a component's command line."""
    parser = argparse.ArgumentParser(prog=f"paas.{component}")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    return parser.parse_args(arguments).config
