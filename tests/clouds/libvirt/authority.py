"""Certificates for what the tests reach by TLS: libvirt on another host, and the bus that agents seek."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "10.77.0.1"


class Authority:
    """Certificates of one authority, in the files that libvirt looks for in a client's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab authority")])
        self._write("cacert.pem", self._certificate(self._name, self._key, None))

    def issue(self, name: str, file: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._write(f"{file}cert.pem", self._certificate(subject, key, name))
        form = serialization.PrivateFormat.PKCS8
        data = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (self._folder / f"{file}key.pem").write_bytes(data)

    def _certificate(self, subject, key, address):
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=address is None, path_length=None), critical=True)
            .add_extension(_usage(address is None), critical=True)
        )  # fmt: skip
        if address is not None:
            names = [x509.IPAddress(ipaddress.ip_address(HOST))]
            uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
            made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate) -> None:
        (self._folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _usage(authority: bool) -> x509.KeyUsage:
    none = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    return x509.KeyUsage(
        digital_signature=not authority,
        key_encipherment=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        **none,
    )


def bus_env(folder: Path, authority: Authority | None = None) -> dict[str, object]:
    """The env of a VM whose agent is given a bus. Without an authority nobody listens there, and it goes on seeking."""
    if authority is None:
        folder.mkdir()
        authority = Authority(folder)
    authority.issue("agent", "agent")
    names = {"ca": "cacert.pem", "certificate": "agentcert.pem", "private_key": "agentkey.pem"}
    certificate = {key: (folder / name).read_text() for key, name in names.items()}
    return {"mbus": {"urls": [f"nats://{HOST}:4222"], "cert": certificate}}
