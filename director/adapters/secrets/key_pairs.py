"""Generated RSA and SSH key pairs (PEM, PKCS#1 for private keys as existing releases expect)."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from director.adapters.secrets.options import Options

LENGTHS = (2048, 3072, 4096)


def new_key(options: Options) -> RSAPrivateKey:
    """``key_length`` 2048 (default), 3072 or 4096."""
    return generate_private_key(65537, options.one_of("key_length", LENGTHS[0], LENGTHS))


def private_pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def rsa(options: Options) -> dict[str, str]:
    """{private_key, public_key}."""
    key = new_key(options)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"private_key": private_pem(key), "public_key": public}


def ssh(options: Options) -> dict[str, str]:
    """{private_key, public_key, public_key_fingerprint}; ``ssh_comment`` ends the public key."""
    key = new_key(options)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    blob = base64.b64decode(public.split(" ")[1])
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    comment = options.text("ssh_comment")
    return {
        "private_key": private_pem(key),
        "public_key": f"{public} {comment}" if comment else public,
        "public_key_fingerprint": fingerprint,
    }
