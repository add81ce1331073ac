"""`python -m stemcells build RECIPE --out FILE`: builds a stemcell tarball, saying what it does."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from stemcells import stock
from stemcells.build import build, build_agent
from stemcells.recipe import RecipeError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="python -m stemcells")
    verb = root.add_subparsers(dest="verb", required=True).add_parser("build", help="build a stemcell from a recipe")
    verb.add_argument("recipe", help="name of a file in recipes/, such as debian-12")
    verb.add_argument("--out", type=Path, required=True, metavar="FILE")
    verb.add_argument("--version", help="instead of the recipe's")
    verb.add_argument(
        "--format",
        choices=("rootfs", "qcow2", "ova"),
        default="rootfs",
        help="a root tree for containers, a bootable disk, or that disk for vSphere (default: %(default)s)",
    )
    verb.add_argument(
        "--from-image",
        type=Path,
        metavar="DISK",
        help="a stock cloud image (qcow2, raw) with cloud-init, instead of a recipe: the stemcell's name is then the one given",
    )
    verb.add_argument(
        "--os",
        default="linux",
        help="with --from-image: the operating system that manifests ask for (default: %(default)s)",
    )
    verb.add_argument("--with", dest="extras", action="append", default=[], metavar="EXTRA", help="such as build-tools")
    verb.add_argument("--agent", type=Path, metavar="PYZ", help="a ready agent, instead of the one of this tree")
    verb.add_argument("--cache", type=Path, metavar="DIR", help="default: $MERISTEM_CACHE or /var/cache/meristem")
    return root


def main(arguments: list[str]) -> int:
    """Build and print one closing line; 1 with one line of error."""
    options = parser().parse_args(arguments)
    try:
        if options.from_image:
            return _stock(options)
        built = build(
            options.recipe,
            options.out.resolve(),
            version=options.version,
            machine=options.format == "qcow2",
            vsphere=options.format == "ova",
            extras=options.extras,
            agent=options.agent,
            cache=options.cache,
            say=lambda text: print(f"stemcell: {text}", flush=True),
        )
    except (RecipeError, OSError) as error:
        print(f"stemcell: {error}", file=sys.stderr)
        return 1
    origin = "from the cache" if built.cached else "built"
    print(
        f"stemcell: {built.name}/{built.version} {origin}: {built.path} ({built.size / 1e6:.1f} MB, {built.seconds:.1f} s)"
    )
    return 0


def _stock(options: argparse.Namespace) -> int:
    version = options.version or "1.0"
    with tempfile.TemporaryDirectory(prefix="stemcell-") as work:
        agent = options.agent or build_agent(
            Path(work) / "agent.pyz", lambda text: print(f"stemcell: {text}", flush=True)
        )
        stock.build(options.from_image, options.recipe, version, options.os, agent.read_bytes(), options.out.resolve())
    print(f"stemcell: {options.recipe}/{version} of {options.from_image}: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
