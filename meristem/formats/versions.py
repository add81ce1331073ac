"""Semi-semantic versions `RELEASE[-pre][+post]`: parse, compare, `latest` and `N.latest`.

Segments are compared part by part, integers as numbers, an integer below a word; missing parts count as zero;
a pre-release sorts before its release, a post-release after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from meristem.formats.errors import FormatError

ALLOWED = re.compile(r"^[-0-9A-Za-z_+.]+$")
_PART = re.compile(r"^[0-9A-Za-z_-]+$")
_OLD_DEV = re.compile(r"^(.*)\.([0-9]+)-dev$")

_Part = int | str


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A parsed version; `text` is as written (after the old `N.M-dev` form became `N+dev.M`)."""

    text: str
    release: tuple[_Part, ...]
    pre: tuple[_Part, ...]
    post: tuple[_Part, ...]

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and _compare(self, other) == 0

    def __hash__(self) -> int:
        return hash((_trim(self.release), _trim(self.pre), _trim(self.post)))

    def __lt__(self, other: Version) -> bool:
        return _compare(self, other) < 0


def parse(text: str, *, place: str = "version", code: int = 30010) -> Version:
    """Parses a version; raises FormatError(`code`), text `Release version invalid: X` for 30010."""
    text = text.strip()
    old = _OLD_DEV.match(text)
    if old:
        text = f"{old[1]}+dev.{old[2]}"
    if not ALLOWED.match(text):
        raise _invalid(text, place, code)
    rest, plus, post = text.partition("+")
    release, dash, pre = rest.partition("-")
    if (plus and not post) or (dash and not pre) or not release:
        raise _invalid(text, place, code)
    segments = tuple(_segment(part, text, place, code) for part in (release, pre, post))
    return Version(text, *segments)


def is_valid(text: str) -> bool:
    """True when `parse` would accept the text."""
    try:
        parse(text)
    except FormatError:
        return False
    return True


def latest(candidates: Iterable[str]) -> str | None:
    """The greatest version, None for no candidates."""
    return max(candidates, key=parse, default=None)


def resolve(wanted: str, candidates: Iterable[str]) -> str | None:
    """The version a manifest means: `latest`, `N.latest` (whole parts) or an exact one, compared by value; else None."""
    known = list(candidates)
    if wanted == "latest":
        return latest(known)
    if wanted.endswith(".latest"):
        prefix = wanted.removesuffix(".latest")
        return latest(
            version for version in known if version == prefix or version.startswith((prefix + ".", prefix + "-"))
        )
    if wanted in known:
        return wanted
    if not is_valid(wanted):
        return None
    target = parse(wanted)
    return next((version for version in known if is_valid(version) and parse(version) == target), None)


def next_dev(previous: Iterable[str], base: str | None = None) -> str:
    """The next dev version: `<last final or 0>+dev.<N+1>`, N the greatest dev number of that base.

    `base` names the last final version; without it the greatest final version among `previous` counts.
    """
    known = [parse(version) for version in previous]
    finals = [version for version in known if not version.post]
    root = parse(base) if base else max(finals, default=parse("0"))
    numbers = [
        version.post[1]
        for version in known
        if version.post[:1] == ("dev",) and len(version.post) == 2 and _same_base(version, root)
    ]
    highest = max((number for number in numbers if isinstance(number, int)), default=0)
    return f"{root.text}+dev.{highest + 1}"


def next_final(previous: Iterable[str]) -> str:
    """The next final version: the greatest final one with its first number raised, `1` when there is none."""
    finals = [version for version in (parse(text) for text in previous) if not version.post]
    last = max(finals, default=None)
    if last is None or not isinstance(last.release[0], int):
        return "1"
    return str(last.release[0] + 1)


def _segment(text: str, whole: str, place: str, code: int) -> tuple[_Part, ...]:
    if not text:
        return ()
    parts = text.split(".")
    if not all(_PART.match(part) for part in parts):
        raise _invalid(whole, place, code)
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _invalid(text: str, place: str, code: int) -> FormatError:
    remedy = "Use dot-separated numbers or words, such as 1.2, 1.2-rc.3 or 1.2+dev.4."
    return FormatError(code, f"Release version invalid: {text}", place=place, remedy=remedy)


def _trim(parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    end = len(parts)
    while end and parts[end - 1] == 0:
        end -= 1
    return parts[:end]


def _same_base(version: Version, root: Version) -> bool:
    return _trim(version.release) == _trim(root.release) and _trim(version.pre) == _trim(root.pre)


def _compare(left: Version, right: Version) -> int:
    order = _compare_parts(left.release, right.release)
    if order == 0 and left.pre != right.pre:
        # No pre-release is greater than any.
        order = 1 if not left.pre else -1 if not right.pre else _compare_parts(left.pre, right.pre)
    if order == 0 and left.post != right.post:
        order = -1 if not left.post else 1 if not right.post else _compare_parts(left.post, right.post)
    return order


def _compare_parts(left: tuple[_Part, ...], right: tuple[_Part, ...]) -> int:
    for index in range(max(len(left), len(right))):
        a: _Part = left[index] if index < len(left) else 0
        b: _Part = right[index] if index < len(right) else 0
        if a == b:
            continue
        if isinstance(a, int) and isinstance(b, int):
            return -1 if a < b else 1
        if isinstance(a, str) and isinstance(b, str):
            return -1 if a < b else 1
        return -1 if isinstance(a, int) else 1
    return 0
