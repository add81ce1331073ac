from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from director.adapters.bus import ca
from director.adapters.bus.identities import Identities
from director.model.errors import DirectorError


async def test_what_the_contract_asks_of_a_certificate(files: ca.BusFiles, identities: Identities) -> None:
    one = await identities.issue("a1", bootstrap=True)
    certificate = x509.load_pem_x509_certificate(one.certificate.encode())
    key = serialization.load_pem_private_key(one.private_key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    assert certificate.public_key() == key.public_key()
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days in (730, 731)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    signer = authority.public_key()
    assert isinstance(signer, rsa.RSAPublicKey)
    signer.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA256())
    assert one.ca == files.ca.read_text()


def test_certificates_are_made_once(files: ca.BusFiles) -> None:
    before = {path.name: path.read_bytes() for path in files.directory.iterdir()}
    assert len(before) == 8
    ca.create(files.directory, ["127.0.0.1"])
    assert {path.name: path.read_bytes() for path in files.directory.iterdir()} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in files.directory.glob("*.key"))


def test_a_missing_file_is_named(files: ca.BusFiles, tmp_path: Path) -> None:
    with pytest.raises(DirectorError, match=r"absent\.pem"):
        Identities.load(client_ca=tmp_path / "absent.pem", client_ca_key=files.ca_key, server_ca=files.ca)
    with pytest.raises(DirectorError, match="Not a PEM certificate"):
        Identities.load(client_ca=files.ca_key, client_ca_key=files.ca, server_ca=files.ca)
