"""What applying a manifest would change, as a list of operations on it."""

from __future__ import annotations

from typing import Any

from paas.cloud_controller.manifests.size import size_in_bytes

SIZES = ("memory", "disk_quota")
PASSED_OVER = ("path", "default-route", "random-route", "no-route", "lifecycle", "buildpack")
KEYS = {"processes": "type", "routes": "route"}
"""Lists whose entries are told apart by one key; what is not in the manifest stays."""


def compare(given: dict[str, Any], made: dict[str, Any] | None, number: int) -> list[dict[str, Any]]:
    """Operations for one app; `made` is the manifest of the app as it is, None where it is new."""
    path = f"/applications/{number}"
    if made is None:
        return [
            {"op": "add", "path": f"{path}/{name}", "value": value}
            for name, value in given.items()
            if name not in PASSED_OVER
        ]
    web = next((one for one in made["processes"] if one["type"] == "web"), {})
    flat = {**{name: value for name, value in web.items() if name != "type"}, **made}
    return _mapping({name: value for name, value in given.items() if name not in PASSED_OVER}, flat, path)


def _mapping(given: dict[str, Any], made: dict[str, Any], path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, value in given.items():
        found += _value(name, value, made.get(name), f"{path}/{name}")
    return found


def _value(name: str, value: Any, made: Any, path: str) -> list[dict[str, Any]]:
    if made is None:
        return [] if value is None else [{"op": "add", "path": path, "value": value}]
    if name in KEYS and isinstance(value, list):
        by_key = {one[KEYS[name]]: one for one in made}
        found: list[dict[str, Any]] = []
        for number, one in enumerate(value):
            known = by_key.get(one.get(KEYS[name])) if isinstance(one, dict) else None
            if known is None:
                found.append({"op": "add", "path": f"{path}/{number}", "value": one})
            else:
                found += _mapping(one, known, f"{path}/{number}")
        return found
    if name == "services" and isinstance(value, list):
        return [
            {"op": "add", "path": f"{path}/{number}", "value": one}
            for number, one in enumerate(value)
            if one not in made
        ]
    if isinstance(value, dict) and isinstance(made, dict):
        return _mapping(value, made, path)
    if name in SIZES and size_in_bytes(name, value) == size_in_bytes(name, made):
        return []
    if value == made or (not isinstance(value, (dict, list)) and str(value) == str(made)):
        return []
    return [{"op": "replace", "path": path, "was": made, "value": value}]
