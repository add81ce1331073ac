"""Key pairs and certificates for the variables store, in the value shapes of the config server."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meristem.formats.errors import FormatError
from meristem.formats.values import Hash, Value, strings, text_or_none

_Usage = TypeVar("_Usage")
_EXTENDED = {"client_auth": ExtendedKeyUsageOID.CLIENT_AUTH, "server_auth": ExtendedKeyUsageOID.SERVER_AUTH}
_USAGES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "non_repudiation": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "key_cert_sign": "key_cert_sign",
    "crl_sign": "crl_sign",
}


def rsa_pair(options: Hash) -> Value:
    """{private_key, public_key} as PEM."""
    key = _key(options)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"private_key": _pem(key), "public_key": public.decode()}


def ssh_pair(options: Hash) -> Value:
    """{private_key (PEM), public_key (OpenSSH), public_key_fingerprint (MD5 with colons)}."""
    key = _key(options)
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    raw = hashlib.md5(base64.b64decode(line.split()[1]), usedforsecurity=False).hexdigest()
    fingerprint = ":".join(raw[index : index + 2] for index in range(0, len(raw), 2))
    comment = text_or_none(options.get("ssh_comment"))
    public = f"{line} {comment}" if comment else line
    return {"private_key": _pem(key), "public_key": public + "\n", "public_key_fingerprint": fingerprint}


def certificate(name: str, options: Hash, authority: Hash | None) -> Value:
    """{ca, certificate, private_key} as PEM; self-signed without an authority ({certificate, private_key})."""
    common_name = text_or_none(options.get("common_name"))
    if not common_name:
        raise FormatError(
            440001,
            f"Certificate '{name}' has no common_name",
            place="variables",
            remedy="Add options.common_name.",
        )
    key = _key(options)
    subject = _subject(common_name, options)
    is_ca = options.get("is_ca") is True
    if authority is None:
        issuer, signer = subject, key
    else:
        issued = x509.load_pem_x509_certificate((text_or_none(authority.get("certificate")) or "").encode())
        loaded = serialization.load_pem_private_key((text_or_none(authority.get("private_key")) or "").encode(), None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            remedy = "Use an RSA key for the authority."
            raise FormatError(440001, f"The authority of '{name}' has no RSA key", place="variables", remedy=remedy)
        issuer, signer = issued.subject, loaded
    now = datetime.now(UTC)
    duration = options.get("duration")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=duration if isinstance(duration, int) else 365))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    builder = _with_names(builder, common_name, options, is_ca=is_ca)
    builder = _with_usages(builder, name, options, is_ca=is_ca)
    signed = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    root = signed if authority is None else text_or_none(authority.get("certificate")) or ""
    return {"ca": root, "certificate": signed, "private_key": _pem(key)}


def _key(options: Hash) -> rsa.RSAPrivateKey:
    length = options.get("key_length")
    return rsa.generate_private_key(65537, length if isinstance(length, int) and length >= 2048 else 2048)


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def _subject(common_name: str, options: Hash) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    organization = text_or_none(options.get("organization"))
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _with_names(
    builder: x509.CertificateBuilder, common_name: str, options: Hash, *, is_ca: bool
) -> x509.CertificateBuilder:
    wanted = strings(options.get("alternative_names"))
    if not wanted and not is_ca:
        wanted = [common_name]
    names: list[x509.GeneralName] = []
    for name in wanted:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            names.append(x509.DNSName(name))
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder


def _with_usages(builder: x509.CertificateBuilder, name: str, options: Hash, *, is_ca: bool) -> x509.CertificateBuilder:
    default = ["key_cert_sign", "crl_sign"] if is_ca else ["digital_signature", "key_encipherment"]
    chosen = {_known(_USAGES, usage, name) for usage in strings(options.get("key_usage")) or default}
    flags = {flag: flag in chosen for flag in set(_USAGES.values())}
    builder = builder.add_extension(x509.KeyUsage(**flags, encipher_only=False, decipher_only=False), critical=True)
    extended = strings(options.get("extended_key_usage")) or ([] if is_ca else ["server_auth"])
    if not extended:
        return builder
    purposes = [_known(_EXTENDED, purpose, name) for purpose in extended]
    return builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)


def _known(table: dict[str, _Usage], word: str, name: str) -> _Usage:
    if word not in table:
        raise FormatError(
            440001,
            f"Certificate '{name}' asks for usage '{word}'",
            place="variables",
            remedy=f"Use one of {', '.join(sorted(table))}.",
        )
    return table[word]
