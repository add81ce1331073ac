"""Query parameters: comma lists, pages, order, ``include`` and ``fields``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from paas.cloud_controller.api.errors import bad_query

MOST_PER_PAGE = 5000
PER_PAGE = 50


@dataclass(frozen=True)
class Query:
    """`filters` holds everything that is not of all lists; a comma in a value is written ``%2C`` twice."""

    filters: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    page: int = 1
    per_page: int = PER_PAGE
    order_by: str = ""
    descending: bool = False
    include: list[str] = field(default_factory=list[str])
    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def of(cls, items: Iterable[tuple[str, str]]) -> Query:
        """From name and value pairs; 400 where a number is none."""
        filters: dict[str, list[str]] = {}
        fields: dict[str, list[str]] = {}
        page, per_page, order, include = 1, PER_PAGE, "", list[str]()
        for name, value in items:
            if "\0" in value:
                raise bad_query(f"{name.replace(chr(0), '')} has a character NUL, which no value has")
            if name == "page":
                page = _number(name, value, 1, 2**31)
            elif name == "per_page":
                per_page = _number(name, value, 1, MOST_PER_PAGE)
            elif name == "order_by":
                order = value
            elif name == "include":
                include += [one for one in value.split(",") if one]
            elif name.startswith("fields[") and name.endswith("]"):
                fields.setdefault(name[7:-1], []).extend(value.split(","))
            elif name == "label_selector":
                filters.setdefault(name, []).append(value)
            else:
                filters.setdefault(name, []).extend(value.split(","))
        return cls(filters, page, per_page, order.lstrip("-+"), order.startswith("-"), include, fields)

    def one(self, name: str, default: str = "") -> str:
        """A filter's only value."""
        return self.filters.get(name, [default])[0]

    def text(self, page: int) -> str:
        """The query string of another page of this list."""
        pairs = [f"{quote(name, safe='[]._')}={quote(','.join(values))}" for name, values in self.filters.items()]
        pairs += [f"fields[{name}]={quote(','.join(values))}" for name, values in self.fields.items()]
        if self.include:
            pairs.append(f"include={quote(','.join(self.include))}")
        if self.order_by:
            pairs.append(f"order_by={'-' if self.descending else ''}{self.order_by}")
        return "&".join([*pairs, f"page={page}", f"per_page={self.per_page}"])


def _number(name: str, value: str, least: int, most: int) -> int:
    try:
        found = int(value)
    except ValueError:
        raise bad_query(f"{name.replace('_', ' ').capitalize()} must be a positive integer") from None
    if not least <= found <= most:
        raise bad_query(f"{name.replace('_', ' ').capitalize()} must be between {least} and {most}")
    return found
