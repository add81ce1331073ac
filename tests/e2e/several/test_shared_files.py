"""What several directors write to: the users of the bus, the folder of blobs, the certificates and the options of the database."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509

from director.adapters.blobs import ca
from director.adapters.blobs.folder import FolderBlobs
from director.adapters.bus.users import UsersFile
from director.director_yml import DbSection


def test_directors_admit_agents_without_throwing_out_each_others(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    directors = [UsersFile(path, None, shared=True) for _ in range(4)]

    def admit(number: int) -> None:
        for agent in range(10):
            directors[number].admit([f"agent-{number}-{agent}"])

    threads = [threading.Thread(target=admit, args=[number]) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(UsersFile(path, None).agents) == 40
    directors[0].expel(["agent-3-0"])
    late = UsersFile(path, None, shared=True)
    late.replace(["known"])
    assert len(UsersFile(path, None).agents) == 40
    assert "agent-3-0" not in UsersFile(path, None).agents


def test_a_director_that_starts_leaves_the_blobs_that_others_are_writing(tmp_path: Path) -> None:
    for name, age in ((".incoming-now", 0.0), (".incoming-old", 90_000.0)):
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    FolderBlobs(tmp_path, shared=True)
    assert [one.name for one in tmp_path.iterdir()] == [".incoming-now"]


def test_blob_listeners_have_certificates_of_their_own_by_one_authority(tmp_path: Path) -> None:
    one = ca.create(tmp_path, ["10.0.0.6"], server="blobs_server-10.0.0.6")
    authority = one.ca.read_bytes()
    two = ca.create(tmp_path, ["10.0.0.7"], server="blobs_server-10.0.0.7")
    assert two.ca.read_bytes() == authority
    assert one.certificate.read_bytes() != two.certificate.read_bytes()
    issuer = x509.load_pem_x509_certificate(authority)
    for files in (one, two):
        x509.load_pem_x509_certificate(files.certificate.read_bytes()).verify_directly_issued_by(issuer)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"database": "bosh"}, {"dbname": "bosh"}),
        (
            {"database": "bosh", "host": "10.0.0.4", "port": 5433, "user": "u", "password": "p"},
            {"dbname": "bosh", "host": "10.0.0.4", "port": 5433, "user": "u", "password": "p"},
        ),
        (
            {"database": "bosh", "connection_options": {"max_connections": 32, "pool_timeout": 10, "dbname": "other"}},
            {"dbname": "other"},
        ),
        (
            {"database": "b", "tls": {"enabled": True}},
            {"dbname": "b", "sslmode": "verify-full", "sslrootcert": "system"},
        ),
        (
            {
                "database": "b",
                "tls": {
                    "enabled": True,
                    "skip_host_verify": True,
                    "cert": {"ca": "/ca", "certificate": "/c", "private_key": "/k"},
                    "bosh_internal": {"ca_provided": True, "mutual_tls_enabled": True},
                },
            },
            {"dbname": "b", "sslmode": "verify-ca", "sslrootcert": "/ca", "sslcert": "/c", "sslkey": "/k"},
        ),
    ],
    ids=["least", "all", "options", "tls", "mutual tls"],
)
def test_the_public_form_of_db_in_the_words_of_postgresql(given: dict[str, object], wanted: dict[str, object]) -> None:
    section = DbSection.model_validate({"adapter": "postgres", **given})
    assert section.parameters() == wanted
    assert "password='p'" not in repr(section)
