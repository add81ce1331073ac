"""A stemcell recipe, as written in `recipes/NAME.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class RecipeError(Exception):
    """A recipe cannot be read or built; the text says where and what to do."""


@dataclass(frozen=True)
class Machine:
    """How a tree becomes a disk: `size` MiB, the modules that are loaded first, the script that follows the recipe's."""

    size: int
    modules: list[str]
    customize: Path


@dataclass(frozen=True)
class Recipe:
    """What goes into a stemcell. `units` are pairs (unit, target that wants it); sizes and times are left to the build."""

    path: Path
    name: str
    version: str
    operating_system: str
    formats: list[str]
    suite: str
    customize: Path
    """Script run on the root tree before it is packed: ROOT, file for the package list."""
    compression: int
    packages: list[str]
    exclude: list[str]
    include: list[str]
    extras: dict[str, list[str]]
    enable: list[tuple[str, str]]
    mask: list[str]
    machine: Machine | None = None
    """What makes a bootable disk of the tree; None for a tree alone."""

    def chosen(self, extras: list[str]) -> list[str]:
        """All packages with those of the named extras; RecipeError for an extra that the recipe does not know."""
        for extra in extras:
            if extra not in self.extras:
                raise RecipeError(
                    f"{self.path}: no extra {extra!r}; known are {', '.join(sorted(self.extras)) or 'none'}"
                )
        return sorted({*self.packages, *(package for extra in extras for package in self.extras[extra])})


def load(name: str, *, machine: bool = False, ova: bool = False) -> Recipe:
    """Read `recipes/NAME.toml`, for a tree alone or with what its [machine] adds and changes, and [ova] names; RecipeError names the file and the key."""
    path = HERE / "recipes" / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml")))
        raise RecipeError(f"no recipe {name!r}; known are {known}")
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text())
        disk = None
        if machine or ova:
            raw, disk = _with_machine(path, raw)
        if ova:
            raw |= {"name": raw["ova"]["name"], "formats": raw["ova"]["formats"]}
        return Recipe(
            path=path,
            name=raw["name"],
            version=raw["version"],
            operating_system=raw["operating_system"],
            formats=raw["formats"],
            suite=raw["suite"],
            customize=path.parent / raw["customize"],
            compression=raw["compression"],
            packages=raw["packages"],
            exclude=raw["exclude"],
            include=raw["include"],
            extras=raw["extras"],
            enable=[(entry["unit"], entry["wanted_by"]) for entry in raw["units"]["enable"]],
            mask=raw["units"]["mask"],
            machine=disk,
        )
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: {error}") from error
    except KeyError as error:
        raise RecipeError(f"{path}: key {error.args[0]!r} is missing") from error


def _with_machine(path: Path, raw: dict[str, Any]) -> tuple[dict[str, Any], Machine]:
    more = raw["machine"]
    units = {
        "enable": [*raw["units"]["enable"], *more["enable"]],
        "mask": [unit for unit in raw["units"]["mask"] if unit not in more["unmask"]],
    }
    merged = {
        **raw,
        "name": more["name"],
        "formats": more["formats"],
        "packages": [*raw["packages"], *more["packages"]],
        "exclude": [*raw["exclude"], *more["exclude"]],
        "units": units,
    }
    return merged, Machine(more["size"], more["modules"], path.parent / more["customize"])
