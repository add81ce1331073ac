"""CPI configs: which CPI programs there are (reference §3)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from director.manifest.placeholder_check import check_placeholders
from director.manifest.reader import MISSING, Node, open_document, unique
from director.model.deployment import Document
from director.model.errors import Faults

DUPLICATE = 550000


class Cpi(Struct, frozen=True):
    """``cpis[]``. ``exec_path`` empty means a built-in CPI of that type or the usual job path; properties keep ((/placeholders))."""

    name: str
    type: str
    exec_path: str = ""
    properties: Document = field(default_factory=dict)
    migrated_from: tuple[str, ...] = ()


def load_cpi_configs(texts: Sequence[tuple[str, str]]) -> tuple[Cpi, ...]:
    """Texts (document name for errors, YAML), joined. Raises one `BadRequest` that lists every fault."""
    faults = Faults()
    found: list[tuple[Cpi, Node]] = []
    names: list[tuple[str, Node]] = []
    for name, text in texts:
        node = open_document(text, name, faults, what="CPI config", code=440011)
        if node is None:
            continue
        if "cpis" not in node:
            node.fault("Required property 'cpis' was not specified", "Add 'cpis' with name and type.", code=MISSING)
        check_placeholders(node, absolute_only=True)
        for item in node.items("cpis"):
            cpi = _cpi(item)
            if cpi is not None:
                found.append((cpi, item))
                names += [(one, item) for one in (cpi.name, *cpi.migrated_from)]
    unique(names, "Duplicate cpi name '{name}'", code=DUPLICATE)
    faults.settle()
    return tuple(cpi for cpi, _ in found)


def load_cpi_config(text: str, *, name: str = "cpi config") -> tuple[Cpi, ...]:
    """One alone."""
    return load_cpi_configs([(name, text)])


def _cpi(node: Node) -> Cpi | None:
    name, kind = node.text("name"), node.text("type")
    path = node.text("exec_path", required=False, late=True) or ""
    migrated: list[str] = []
    for item in node.items("migrated_from"):
        old = item.value.get("name")
        if isinstance(old, str):
            migrated.append(old)  # '' names the default CPI of the time before CPI configs
        else:
            item.text("name")
    properties = node.hash("properties")
    return Cpi(name, kind, path, properties, tuple(migrated)) if name and kind else None
