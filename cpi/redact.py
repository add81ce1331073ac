"""Keep secrets out of logs and error texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from cpi.contract import Json

MARK = "<redacted>"
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|credential|private|api_?key|access_?key|crypt_?key|user_?data|"
    r"(^|_)key$|certificate$|auth",
    re.I,
)
NOT_SECRET = frozenset({"auth_url", "key", "private_ip"})
URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")
PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(-----END \1-----|\Z)", re.S)
SHORTEST = 4
"""Shorter values are left: replacing each "a" in a log hides nothing and spoils it."""
OPEN_ENV = frozenset({"group", "groups", "tags"})


def secrets(*documents: object) -> frozenset[str]:
    """All string values below a key whose name tells a secret, and passwords inside URLs."""
    return frozenset(value for document in documents for value in _secrets(document, False) if len(value) >= SHORTEST)


def scrub(text: str, known: frozenset[str]) -> str:
    """`text` without the known secrets, URL passwords and private keys."""
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, MARK)
    text = PEM.sub(MARK, text)
    return URL_PASSWORD.sub(rf"\1:{MARK}", text)


def request(method: str, arguments: Sequence[object], context: Json) -> dict[str, object]:
    """A request fit for a log: by the public rule for cloud properties, env and CPI config values."""
    hidden = list(arguments)
    if method == "create_vm" and len(hidden) == 6:
        hidden[2] = _veil(hidden[2])
        if isinstance(hidden[3], Mapping):
            hidden[3] = {name: _network(entry) for name, entry in cast(Json, hidden[3]).items()}
        hidden[5] = _env(hidden[5])
    elif method in ("create_disk", "create_stemcell") and len(hidden) > 1:
        hidden[1] = _veil(hidden[1])
    elif method == "update_disk" and len(hidden) > 2:
        hidden[2] = _veil(hidden[2])
    elif method == "create_network" and hidden:
        hidden[0] = _network(hidden[0])
    shown = {
        key: value if key in ("director_uuid", "request_id", "vm", "key") else _veil(value)
        for key, value in context.items()
    }
    return {"method": method, "arguments": hidden, "context": shown}


def _secrets(document: object, secret: bool) -> Iterator[str]:
    if isinstance(document, Mapping):
        for key, value in cast("Mapping[object, object]", document).items():
            name = str(key)
            yield from _secrets(value, secret or (name not in NOT_SECRET and bool(SECRET_NAME.search(name))))
    elif isinstance(document, list | tuple):
        for value in cast("Sequence[object]", document):
            yield from _secrets(value, secret)
    elif isinstance(document, str):
        if secret:
            yield document
            if "\n" in document:  # a log prints a certificate or key line by line
                yield from (line for line in document.splitlines() if not line.startswith("-----"))
        for match in re.finditer(r"://[^/\s:@]*:([^/\s@]+)@", document):
            yield match.group(1)


def _veil(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _veil(inner) for key, inner in cast(Json, value).items()}
    if isinstance(value, list | tuple):
        return [_veil(inner) for inner in cast("Sequence[object]", value)]
    return value if value is None or isinstance(value, bool) else MARK


def _network(entry: object) -> object:
    if not isinstance(entry, Mapping) or "cloud_properties" not in entry:
        return cast(object, entry)
    known = cast(Json, entry)
    return {**known, "cloud_properties": _veil(known["cloud_properties"])}


def _env(env: object) -> object:
    if not isinstance(env, Mapping):
        return _veil(env)
    known = cast(Json, env)
    shown = {key: _veil(value) for key, value in known.items()}
    bosh = known.get("bosh")
    if isinstance(bosh, Mapping):
        shown["bosh"] = {key: value if key in OPEN_ENV else _veil(value) for key, value in cast(Json, bosh).items()}
    return shown
