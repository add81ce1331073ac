"""The ``$6$`` form of crypt(3): SHA-512 over 5000 rounds, as /etc/shadow holds it (public specification by U. Drepper)."""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000


def sha512_crypt(password: str, salt: str = "") -> str:
    """``$6$<salt>$<86 characters>``; a random salt of 16 characters when none is given."""
    salt = (salt or "".join(secrets.choice(_ALPHABET) for _ in range(16)))[:16]
    key, grain = password.encode(), salt.encode()
    digest = _start(key, grain)
    word = _stretch(hashlib.sha512(key * len(key)).digest(), len(key))
    pinch = _stretch(hashlib.sha512(grain * (16 + digest[0])).digest(), len(grain))
    for turn in range(_ROUNDS):
        mix = word if turn % 2 else digest
        if turn % 3:
            mix += pinch
        if turn % 7:
            mix += word
        mix += digest if turn % 2 else word
        digest = hashlib.sha512(mix).digest()
    return f"$6${salt}${_encode(digest)}"


def _start(key: bytes, salt: bytes) -> bytes:
    other = hashlib.sha512(key + salt + key).digest()
    text = key + salt + _stretch(other, len(key))
    length = len(key)
    while length:
        text += other if length & 1 else key
        length >>= 1
    return hashlib.sha512(text).digest()


def _stretch(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encode(digest: bytes) -> str:
    out: list[str] = []
    for step in range(21):
        first, second, third = step, step + 21, step + 42
        turn = step % 3
        order = ((first, second, third), (second, third, first), (third, first, second))[turn]
        out.append(_letters(digest[order[0]] << 16 | digest[order[1]] << 8 | digest[order[2]], 4))
    out.append(_letters(digest[63], 2))
    return "".join(out)


def _letters(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(count))
