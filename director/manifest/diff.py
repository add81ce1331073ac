"""What changes between two manifests or configs, as the lines that clients print (director API §5).

Lines carry ``added``, ``removed`` or None. Comparison is on the full values, output on the redacted ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import yaml

from director.manifest.addon_scope import in_scope
from director.manifest.marks import read_yaml
from director.manifest.redact import redact as redacted
from director.model.deployment import Document

Line = tuple[str, str | None]

_ORDER = (
    "azs",
    "vm_types",
    "vm_extensions",
    "resource_pools",
    "compilation",
    "networks",
    "disk_types",
    "name",
    "stemcells",
    "releases",
    "update",
    "jobs",
    "release",
    "addons",
    "variables",
)
_CLOUD = ("azs", "vm_types", "vm_extensions", "disk_types", "networks", "compilation")
_JOINED = ("releases", "addons", "variables")
_INDENT = "  "


def diff_manifests(
    old: str, new: str, old_configs: Sequence[str] = (), new_configs: Sequence[str] = (), *, redact: bool = True
) -> list[Line]:
    """Two manifest texts, each with the cloud and runtime configs that it is read with. An empty text is no manifest.

    Raises `BadRequest` (710000) for text that is not YAML.
    """
    return _diff(_whole(old, old_configs), _whole(new, new_configs), redact)


def diff_documents(old: str, new: str, *, redact: bool = True) -> list[Line]:
    """Two texts of one config."""
    return _diff(_read(old), _read(new), redact)


def _diff(old: Document, new: Document, redact: bool) -> list[Line]:
    shown = (redacted(old), redacted(new)) if redact else (old, new)
    return _ordered(_hashes(old, new, shown[0], shown[1], 0))


def _read(text: str) -> Document:
    value, _ = read_yaml(text, "document")
    return cast(Document, value) if isinstance(value, dict) else {}


def _whole(text: str, configs: Sequence[str]) -> Document:
    """The manifest with the sections of its configs, as if all were one document."""
    manifest = _read(text)
    out = dict(manifest)
    for config in configs:
        for key, value in in_scope(_read(config), manifest).items():
            held = out.get(key)
            if isinstance(value, list) and isinstance(held, list) and key in (*_CLOUD, *_JOINED):
                seen = {_identity(one) for one in held}
                out[key] = held + [one for one in value if _identity(one) not in seen]
            elif key == "tags" and isinstance(value, dict) and isinstance(held, dict):
                out[key] = {**value, **held}
            elif held is None and value not in ([], None):
                out[key] = value
    return out


def _hashes(old: Document, new: Document, old_shown: Document, new_shown: Document, depth: int) -> list[Line]:
    lines: list[Line] = []
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key), new.get(key)
        if _identity(before) == _identity(after):
            continue
        if before is None:
            lines += _text({key: new_shown.get(key)}, depth, "added")
        elif after is None:
            lines += _text({key: old_shown.get(key)}, depth, "removed")
        elif isinstance(before, list) and isinstance(after, list):
            below = _arrays(before, after, old_shown[key], new_shown[key], depth)
            lines += [(f"{_INDENT * depth}{key}:", None), *below] if below else []
        elif isinstance(before, dict) and isinstance(after, dict):
            below = _hashes(before, after, old_shown[key], new_shown[key], depth + 1)
            lines += [(f"{_INDENT * depth}{key}:", None), *below] if below else []
        else:
            lines += _text({key: old_shown[key]}, depth, "removed")
            lines += _text({key: new_shown[key]}, depth, "added")
    return lines


def _arrays(old: list[Any], new: list[Any], old_shown: list[Any], new_shown: list[Any], depth: int) -> list[Line]:
    """Items that only one side has; hashes that all have a name (or a range) are matched by it."""
    kept = {_identity(one) for one in old} & {_identity(one) for one in new}
    removed = [pair for pair in zip(old, old_shown, strict=True) if _identity(pair[0]) not in kept]
    added = [pair for pair in zip(new, new_shown, strict=True) if _identity(pair[0]) not in kept]
    label = _label([raw for raw, _ in (*added, *removed) if raw is not None])
    lines: list[Line] = []
    for raw, shown in added:
        # an empty item ("-" alone) is null: it is matched by nothing
        named = raw[label] if label and raw else None
        match = next((one for one in removed if named and one[0] and one[0][label] == named), None)
        if match is None:
            lines += _text([shown], depth, "added")
            continue
        removed.remove(match)
        below = _hashes(match[0], raw, match[1], shown, depth + 1)
        if below:
            lines += [*_text([{label: shown[label]}], depth, None), *below]
    for _, shown in removed:
        lines += _text([shown], depth, "removed")
    return lines


def _label(items: list[Any]) -> str:
    for label in ("name", "range"):
        if items and all(isinstance(one, dict) and one.get(label) for one in items):
            return label
    return ""


def _ordered(lines: list[Line]) -> list[Line]:
    """Sections in the contract's order, blank lines between them."""
    sections: dict[str, list[Line]] = {}
    key = ""
    for line in lines:
        if line[0][:1] not in (" ", "-"):
            key = line[0].partition(":")[0]
        sections.setdefault(key, []).append(line)
    names = [name for name in _ORDER if name in sections] + [name for name in sections if name not in _ORDER]
    out: list[Line] = []
    for name in names:
        out += ([("", None)] if out else []) + sections[name]
    return out


def _identity(value: Any) -> str:
    """Equal for equal documents: the order of keys does not count, the type of a scalar does."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _null(dumper: _Dumper, _: None) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:null", "")


def _string(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(type(None), _null)
_Dumper.add_representer(str, _string)


def _text(value: Any, depth: int, status: str | None) -> list[Line]:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=4096)
    return [(_INDENT * depth + line, status) for line in text.splitlines()]
