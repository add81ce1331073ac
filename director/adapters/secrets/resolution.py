"""One resolve: what is kept, what is generated anew, in the order in which variables need each other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from director.adapters.secrets.fill import Filler
from director.adapters.secrets.generate import generate
from director.adapters.secrets.vault import Vault
from director.model.deployment import Document, VariableWanted
from director.model.errors import BadRequest, Faults, Place
from director.model.placeholders import absolute_name, used_variables
from director.model.rows import VariableRow

MISSING = 540001
GENERATION = 540005


class Resolution:
    """``held`` are the rows to keep where a variable's mode allows it; ``rows`` afterwards those in use, ``made`` the new ones."""

    def __init__(
        self,
        vault: Vault,
        director: str,
        deployment: str,
        wanted: Mapping[str, VariableWanted],
        held: dict[str, VariableRow],
    ) -> None:
        self._vault = vault
        self._director = director
        self._deployment = deployment
        self._wanted = wanted
        self._held = held
        self._open: list[str] = []
        self._failed: set[str] = set()
        self.rows: dict[str, VariableRow] = {}
        self.made: list[VariableRow] = []
        self.faults = Faults()

    async def want(self, name: str, needed_by: str = "") -> VariableRow | None:
        """The row of an absolute name, made if need be; None after a fault."""
        if name in self.rows or name in self._failed:
            return self.rows.get(name)
        wanted = self._wanted.get(name)
        row = self._held.get(name) if wanted is None else await self._of(name, wanted)
        if row is not None:
            self.rows[name] = row
            return row
        self._failed.add(name)
        if wanted is None:
            place = Place("", 0, f"/variables/name={needed_by}") if needed_by else None
            remedy = "Add it to the manifest's 'variables', set it, or give it with -v."
            self.faults.add(BadRequest(f"Failed to find variable '{name}'", code=MISSING, place=place, remedy=remedy))
        return None

    async def _of(self, name: str, wanted: VariableWanted) -> VariableRow | None:
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            message = f"Variables need each other in a circle: {circle}"
            place = Place("", 0, f"/variables/name={wanted.name}")
            self.faults.add(BadRequest(message, code=GENERATION, place=place, remedy="Break the circle."))
            return None
        self._open.append(name)
        try:
            return await self._keep_or_make(name, wanted)
        except BadRequest as error:
            self.faults.add(error)
            return None
        finally:
            self._open.pop()

    async def _keep_or_make(self, name: str, wanted: VariableWanted) -> VariableRow | None:
        held = self._held.get(name)
        fixed = wanted.update_mode == "no-overwrite" or wanted.strategy == "on-stemcell-change"
        if held is not None and fixed:
            return held
        options = await self._options(wanted)
        if options is None:
            return held
        ca_row = await self._authority(wanted, options)
        if ca_row is None and options.get("ca"):
            return None
        recipe: Document = {"type": wanted.type, "options": wanted.options, "ca": ca_row.id if ca_row else ""}
        if held is not None and wanted.update_mode == "converge" and self._vault.made_from(held) in (None, recipe):
            return held
        authority: Any = self._vault.value(ca_row) if ca_row else None
        value = await asyncio.to_thread(generate, wanted.name, wanted.type, options, authority)
        row = self._vault.new(name, wanted.type, value, recipe)
        self.made.append(row)
        return row

    async def _options(self, wanted: VariableWanted) -> Document | None:
        """The options with their own placeholders filled."""
        values: dict[str, Any] = {}
        for written in sorted(used_variables(wanted.options)):
            name = absolute_name(written, self._director, self._deployment)
            row = await self.want(name, wanted.name)
            if row is None:
                return None
            values[name] = self._vault.value(row)
        filler = Filler(self._director, self._deployment, values)
        filled: Document = filler.fill(wanted.options)
        filler.settle()
        return filled

    async def _authority(self, wanted: VariableWanted, options: Document) -> VariableRow | None:
        ca = options.get("ca")
        if wanted.type != "certificate" or not isinstance(ca, str) or not ca:
            return None
        return await self.want(absolute_name(ca, self._director, self._deployment), wanted.name)
