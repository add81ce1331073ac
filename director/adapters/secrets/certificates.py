"""Generated certificates: authorities, and leaves signed by one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from director.adapters.secrets.key_pairs import new_key, private_pem
from director.adapters.secrets.options import Options

_DAYS = 365
_SKEW = timedelta(minutes=5)

_SUBJECT = {
    "common_name": NameOID.COMMON_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organization_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "state": NameOID.STATE_OR_PROVINCE_NAME,
    "country": NameOID.COUNTRY_NAME,
}
_USAGES = {
    "digital_signature": "digital_signature",
    "non_repudiation": "content_commitment",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "key_cert_sign": "key_cert_sign",
    "crl_sign": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
_EXTENDED = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
}


def certificate(options: Options, authority: dict[str, str] | None) -> dict[str, str]:
    """{ca, certificate, private_key}. ``authority`` is the value of the variable that ``ca`` names; without it the
    certificate signs itself."""
    is_ca = options.flag("is_ca")
    subject = _subject(options)
    names = options.texts("alternative_names")
    if not is_ca and not options.text("common_name") and not names:
        raise options.fault("it has no name", "Give 'common_name' or 'alternative_names'.")
    days = options.integer("duration", _DAYS, least=1, most=36500)
    usages = _key_usage(options, is_ca)
    extended = _extended_usage(options)
    issuer, signer = _read_authority(options, authority)
    key = new_key(options)
    signing = signer or key
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(one) for one in names]), critical=False
        )
    if usages:
        builder = builder.add_extension(usages, critical=is_ca)
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    pem = builder.sign(signing, SHA256()).public_bytes(Encoding.PEM).decode()
    return {"ca": authority["certificate"] if authority else pem, "certificate": pem, "private_key": private_pem(key)}


def _subject(options: Options) -> x509.Name:
    parts: list[x509.NameAttribute[Any]] = []
    for key, oid in _SUBJECT.items():
        value = options.text(key)
        if not value:
            continue
        try:
            parts.append(x509.NameAttribute(oid, value))
        except ValueError as error:
            raise options.fault(f"option '{key}' is not allowed: {error}", "Shorten or correct it.", key) from error
    return x509.Name(parts)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    return x509.RFC822Name(name) if "@" in name else x509.DNSName(name)


def _key_usage(options: Options, is_ca: bool) -> x509.KeyUsage | None:
    given = options.texts("key_usage") or (["key_cert_sign", "crl_sign"] if is_ca else [])
    if not given:
        return None
    unknown = [one for one in given if one not in _USAGES]
    if unknown:
        raise options.fault(f"key usage '{unknown[0]}' is not known", f"Known are: {', '.join(_USAGES)}.", "key_usage")
    held = {_USAGES[one] for one in given}
    if "encipher_only" in held or "decipher_only" in held:
        held.add("key_agreement")
    return x509.KeyUsage(**{name: name in held for name in set(_USAGES.values())})


def _extended_usage(options: Options) -> list[x509.ObjectIdentifier]:
    given = options.texts("extended_key_usage")
    unknown = [one for one in given if one not in _EXTENDED]
    if unknown:
        remedy = f"Known are: {', '.join(_EXTENDED)}."
        raise options.fault(f"extended key usage '{unknown[0]}' is not known", remedy, "extended_key_usage")
    return [_EXTENDED[one] for one in given]


def _read_authority(
    options: Options, authority: dict[str, str] | None
) -> tuple[x509.Certificate | None, RSAPrivateKey | None]:
    if authority is None:
        return None, None
    try:
        issuer = x509.load_pem_x509_certificate(authority["certificate"].encode())
        key = cast(RSAPrivateKey, load_pem_private_key(authority["private_key"].encode(), None))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        remedy = "Name a certificate variable that has certificate and private_key."
        raise options.fault(f"its ca '{options.text('ca')}' holds no certificate with key", remedy, "ca") from error
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = x509.BasicConstraints(False, None)
    if not basic.ca:
        raise options.fault(f"its ca '{options.text('ca')}' is no authority", "Set is_ca: true on that variable.", "ca")
    return issuer, key
