"""The machine's own apt sources, narrowed to one Debian suite: a stemcell is made from where the machine installs from."""

from __future__ import annotations

from pathlib import Path

from stemcells.recipe import RecipeError


def of_suite(suite: str, etc_apt: Path = Path("/etc/apt")) -> str:
    """Source lines (one-line or deb822 stanzas, joined by blank lines) of `suite` and its -updates and -security.

    RecipeError when the machine has none.
    """
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    found: list[str] = []
    for path in sorted([etc_apt / "sources.list", *(etc_apt / "sources.list.d").glob("*")]):
        if not path.is_file():
            continue
        if path.suffix == ".sources":
            found += [stanza for stanza in _stanzas(path.read_text()) if _stanza_fits(stanza, wanted)]
        elif path.suffix == ".list":
            found += [line for line in path.read_text().splitlines() if _line_fits(line, wanted)]
    if not found:
        raise RecipeError(
            f"{etc_apt}: no enabled source of Debian {suite}; the stemcell's packages come from the machine's sources"
        )
    return "\n\n".join(found) + "\n"


def _stanzas(text: str) -> list[str]:
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [stanza.strip() for stanza in kept.split("\n\n") if stanza.strip()]


def _stanza_fits(stanza: str, wanted: set[str]) -> bool:
    fields = {
        key.strip().lower(): value.split() for key, _, value in (line.partition(":") for line in stanza.splitlines())
    }
    if fields.get("enabled") == ["no"] or "deb" not in fields.get("types", []):
        return False
    return "main" in fields.get("components", []) and bool(fields.get("suites")) and set(fields["suites"]) <= wanted


def _line_fits(line: str, wanted: set[str]) -> bool:
    words = line.partition("#")[0].split()
    if not words or words[0] != "deb":
        return False
    if len(words) > 1 and words[1].startswith("["):
        closing = next((index for index, word in enumerate(words) if word.endswith("]")), 0)
        words = [words[0], *words[closing + 1 :]]
    return len(words) > 3 and words[2] in wanted and "main" in words[3:]
