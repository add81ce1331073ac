"""`python -m stemcells build RECIPE --out FILE`: builds a stemcell tarball, saying what it does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stemcells.build import build
from stemcells.recipe import RecipeError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="python -m stemcells")
    verb = root.add_subparsers(dest="verb", required=True).add_parser("build", help="build a stemcell from a recipe")
    verb.add_argument("recipe", help="name of a file in recipes/, such as debian-12")
    verb.add_argument("--out", type=Path, required=True, metavar="FILE")
    verb.add_argument("--version", help="instead of the recipe's")
    verb.add_argument("--with", dest="extras", action="append", default=[], metavar="EXTRA", help="such as build-tools")
    verb.add_argument("--agent", type=Path, metavar="PYZ", help="a ready agent, instead of the one of this tree")
    verb.add_argument("--cache", type=Path, metavar="DIR", help="default: $MERISTEM_CACHE or /var/cache/meristem")
    return root


def main(arguments: list[str]) -> int:
    """Build and print one closing line; 1 with one line of error."""
    options = parser().parse_args(arguments)
    try:
        built = build(
            options.recipe,
            options.out.resolve(),
            version=options.version,
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
