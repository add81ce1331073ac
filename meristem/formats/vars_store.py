"""A variables store: a YAML file of values; what a manifest defines and the file lacks is generated into it."""

from __future__ import annotations

import os
import secrets
import string
import tempfile
from collections.abc import Iterable
from pathlib import Path

from meristem.formats import yaml_dump, yaml_marks
from meristem.formats.errors import FormatError
from meristem.formats.values import Hash, Value, is_hash, kind_of, text_or_none

_LETTERS = string.ascii_lowercase + string.digits


class VarsStore:
    """Values by name; every generated value is written at once, file mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = self._read()

    def get(self, name: str) -> Value:
        """The stored value, None if there is none."""
        return self._values.get(name)

    def names(self) -> Iterable[str]:
        """The stored names."""
        return tuple(self._values)

    def generate(self, name: str, kind: str, options: Hash) -> Value:
        """Makes and stores a password, certificate, rsa, ssh or user value; other types are an error."""
        value = self._make(name, kind, options)
        self._values[name] = value
        self._write()
        return value

    def _make(self, name: str, kind: str, options: Hash) -> Value:
        if kind == "password":
            return _password(options)
        if kind == "user":
            username = text_or_none(options.get("username")) or _password({"length": 20})
            return {"username": username, "password": _password(options)}
        # Key generation loads a large library; passwords need not wait for it.
        from meristem.formats import generated_keys

        if kind == "rsa":
            return generated_keys.rsa_pair(options)
        if kind == "ssh":
            return generated_keys.ssh_pair(options)
        if kind == "certificate":
            return generated_keys.certificate(name, options, self._authority(name, options))
        raise FormatError(
            440001,
            f"Unsupported variable type '{kind}' for '{name}'",
            place="variables",
            remedy="Types that can be generated: password, certificate, rsa, ssh, user.",
        )

    def _authority(self, name: str, options: Hash) -> Hash | None:
        signer = text_or_none(options.get("ca"))
        if signer is None:
            return None
        value = self._values.get(signer)
        if not is_hash(value):
            raise FormatError(
                440001,
                f"Variable '{name}' is to be signed by '{signer}', which the store does not hold",
                place="variables",
                remedy=f"Define '{signer}' before '{name}'.",
            )
        return value

    def _read(self) -> Hash:
        if not self._path.is_file():
            return {}
        data = yaml_marks.load(self._path.read_bytes(), str(self._path))
        if data is None:
            return {}
        if not is_hash(data):
            raise FormatError(
                440001,
                f"Variables store holds {kind_of(data)}",
                place=str(self._path),
                remedy="It must be a hash of name: value.",
            )
        return data

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=self._path.parent, prefix=".vars-")
        with os.fdopen(handle, "w") as out:
            out.write(yaml_dump.dump(self._values))
        Path(fresh).replace(self._path)


def _password(options: Hash) -> str:
    length = options.get("length")
    count = length if isinstance(length, int) and length > 0 else 20
    return "".join(secrets.choice(_LETTERS) for _ in range(count))
