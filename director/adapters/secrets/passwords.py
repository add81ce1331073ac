"""Generated passwords and users."""

from __future__ import annotations

import secrets
import string

from director.adapters.secrets.options import Options
from director.adapters.secrets.sha512_crypt import sha512_crypt

_LENGTH = 30
_SPECIAL = "!#$%&()*+,-./:;<=>?@[]^_{|}~"


def password(options: Options) -> str:
    """``length`` (30), ``exclude_upper``, ``exclude_lower``, ``exclude_number``, ``include_special``; each kind at least once."""
    length = options.integer("length", _LENGTH, least=4, most=200)
    kinds = [
        letters
        for excluded, letters in (
            ("exclude_upper", string.ascii_uppercase),
            ("exclude_lower", string.ascii_lowercase),
            ("exclude_number", string.digits),
        )
        if not options.flag(excluded)
    ]
    if options.flag("include_special"):
        kinds.append(_SPECIAL)
    if not kinds:
        raise options.fault("every kind of character is excluded", "Allow at least one kind.")
    random = secrets.SystemRandom()
    every = "".join(kinds)
    out = [random.choice(kind) for kind in kinds] + [random.choice(every) for _ in range(length - len(kinds))]
    random.shuffle(out)
    return "".join(out)


def user(options: Options) -> dict[str, str]:
    """``username`` (random when absent), and the options of a password."""
    letters = string.ascii_letters
    name = options.text("username") or "".join(secrets.choice(letters) for _ in range(20))
    secret = password(options)
    return {"username": name, "password": secret, "password_hash": sha512_crypt(secret)}
