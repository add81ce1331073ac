"""An X.509 authority of our own: key pairs and certificates for the bus and the blob listener (PEM)."""

from __future__ import annotations

import ipaddress
import os
import threading
import uuid
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from director.model.errors import DirectorError, Place

KEY_BITS = 3072
AGENT_DAYS = 730


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, PEM."""

    certificate: str
    private_key: str


_quiet = threading.Lock()


@contextmanager
def _unusual_names() -> Generator[None]:
    """The contract's country has three letters and an agent's common name up to 66: the library warns of both when told to take them."""
    with _quiet, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Attribute's length")
        yield


def subject(common_name: str) -> x509.Name:
    """``C=USA, O=Cloud Foundry, CN=...`` (agent protocol §1)."""
    with _unusual_names():
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "USA", _validate=False),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cloud Foundry"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False),
            ]
        )


def make_key() -> rsa.RSAPrivateKey:
    """A new RSA key, for what lives long (0.3 s; other threads go on meanwhile)."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def make_short_key() -> ec.EllipticCurvePrivateKey:
    """A new key on P-256, for what there are many of (0.1 ms)."""
    return ec.generate_private_key(ec.SECP256R1())


class Authority:
    """Signs certificates; ``certificate`` (PEM) is what others trust. Making an RSA key takes about 0.3 s: call it in a thread."""

    def __init__(self, certificate: str, private_key: str) -> None:
        self.certificate = certificate
        with _unusual_names():
            self._issuer = x509.load_pem_x509_certificate(certificate.encode()).subject
        key = serialization.load_pem_private_key(private_key.encode(), None)
        if not isinstance(key, CertificateIssuerPrivateKeyTypes):
            raise ValueError("a key of this kind cannot sign certificates")
        self._key: CertificateIssuerPrivateKeyTypes = key

    @classmethod
    def load(cls, certificate: Path, private_key: Path) -> Authority:
        """From PEM files. Raises an error that names the file at fault."""
        texts: list[str] = []
        for path in (certificate, private_key):
            try:
                texts.append(path.read_text())
            except OSError as error:
                raise DirectorError(
                    f"Cannot read the certificate authority's file: {error.strerror}",
                    place=Place(str(path)),
                    remedy="Check the path and its permissions.",
                ) from None
        try:
            return cls(*texts)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise DirectorError(
                f"Not a PEM certificate and its unencrypted key: {error}", place=Place(f"{certificate}, {private_key}")
            ) from None

    @classmethod
    def create(cls, common_name: str, *, days: int = 3650) -> tuple[Authority, Pair]:
        """A new self-signed authority, and its pair to be kept."""
        key = make_key()
        name = subject(common_name)
        usage = _usage(digital_signature=True, key_cert_sign=True, crl_sign=True)
        signed = (
            _builder(name, name, key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        pair = Pair(_pem(signed), _key_pem(key))
        return cls(pair.certificate, pair.private_key), pair

    def issue(
        self,
        common_name: str,
        *,
        hosts: Sequence[str] = (),
        server: bool = False,
        days: int = AGENT_DAYS,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    ) -> Pair:
        """A client's certificate, or a server's for ``hosts`` (names and addresses); for ``key`` or a new one."""
        key = key or make_key()
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        usage = _usage(digital_signature=True, key_encipherment=server)
        builder = (
            _builder(subject(common_name), self._issuer, key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return Pair(_pem(builder.sign(self._key, hashes.SHA256())), _key_pem(key))


def write_private(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file that appears whole or not at all, with ``mode`` from the start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _builder(
    name: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # clocks of VMs and director may differ by minutes
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
