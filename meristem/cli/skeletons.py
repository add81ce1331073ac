"""Skeletons of releases, jobs and packages."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.failure import CliError

_IGNORED = "config/private.yml\nblobs\ndev_releases\nreleases/**/*.tgz\n.dev_builds\n.final_builds/jobs/**/*.tgz\n"


def release(directory: Path) -> None:
    """jobs, packages, src, config and a .gitignore; an existing config is refused."""
    config = directory / "config"
    if (config / "final.yml").exists():
        raise CliError(f"'{directory}' already is a release directory.", "Choose an empty one by --dir.")
    for name in ("jobs", "packages", "src", "config"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    name = directory.resolve().name.removesuffix("-release")
    (config / "final.yml").write_text(f"name: {name}\n")
    (config / "blobs.yml").write_text("--- {}\n")
    (directory / ".gitignore").write_text(_IGNORED)


def job(directory: Path, name: str) -> None:
    """jobs/<name> with spec, monit and templates/."""
    place = _fresh(directory / "jobs" / name, "Job")
    (place / "templates").mkdir()
    (place / "spec").write_text(f"---\nname: {name}\n\ntemplates: {{}}\n\npackages: []\n\nproperties: {{}}\n")
    (place / "monit").touch()


def package(directory: Path, name: str) -> None:
    """packages/<name> with spec and packaging."""
    place = _fresh(directory / "packages" / name, "Package")
    (place / "spec").write_text(f"---\nname: {name}\n\ndependencies: []\n\nfiles: []\n")
    (place / "packaging").write_text("set -e\n")


def _fresh(place: Path, what: str) -> Path:
    if place.exists():
        raise CliError(f"{what} '{place.name}' at '{place}' already exists", "Choose another name.")
    place.mkdir(parents=True)
    return place
