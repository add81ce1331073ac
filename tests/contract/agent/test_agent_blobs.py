"""Blobs by signed URL over TLS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_blob_server import BlobServer
from agent_bus import Authority

from agent.blobs.transfer import Transfer
from agent.errors import BlobError
from lab.ports import free_port


@pytest.fixture
def store(tmp_path: Path, authority: Authority) -> Iterator[BlobServer]:
    made = BlobServer(tmp_path / "blob-server", authority)
    yield made
    made.close()


@pytest.fixture
def transfer(authority: Authority) -> Transfer:
    return Transfer(authority.pem, first_pause=0.01)


def test_get_and_put_stream_with_headers(store: BlobServer, transfer: Transfer, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    transfer.put(store.url("PUT", "b"), {"x-key": "k"}, source)
    transfer.get(store.url("GET", "b"), {}, target)
    assert target.read_bytes() == content
    assert store.headers[0]["x-key"] == "k"


def test_a_server_in_trouble_is_asked_again(store: BlobServer, transfer: Transfer, tmp_path: Path) -> None:
    store.add(b"content", "b")
    store.failures = 2
    transfer.get(store.url("GET", "b"), {}, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"content"
    store.failures = 100
    with pytest.raises(BlobError, match=r"HTTP status 503, after 4 attempts$"):
        transfer.get(store.url("GET", "b"), {}, tmp_path / "target")


def test_a_server_that_is_away_is_waited_for(transfer: Transfer, authority: Authority, tmp_path: Path) -> None:
    """As a director's is while it starts again: longer than four attempts take."""
    store = BlobServer(tmp_path / "blob-server", authority, free_port())
    url = store.url("GET", "b")
    store.close()
    successors: list[BlobServer] = []

    def start_again() -> None:
        successors.append(BlobServer(tmp_path / "blob-server", authority, store.port))
        successors[0].add(b"content", "b")

    timer = threading.Timer(0.7, start_again)
    timer.start()
    try:
        transfer.get(url, {}, tmp_path / "target")
        assert (tmp_path / "target").read_bytes() == b"content"
    finally:
        timer.join()
        successors[0].close()
    hasty = Transfer(authority.pem, first_pause=0.01, patience=0.1)
    with pytest.raises(BlobError, match="Connection refused, after"):
        hasty.get(url, {}, tmp_path / "target")


def test_a_refusal_is_final_and_shows_no_signature(store: BlobServer, transfer: Transfer, tmp_path: Path) -> None:
    store.add(b"content", "b")
    wrong = store.url("PUT", "b")
    with pytest.raises(BlobError, match=r"GET https://127\.0\.0\.1:\d+/blobs/b: HTTP status 403$") as caught:
        transfer.get(wrong, {}, tmp_path / "target")
    assert "sig=" not in str(caught.value)
    assert len(store.requests) == 1
    with pytest.raises(BlobError, match="404"):
        transfer.get(store.url("GET", "absent"), {}, tmp_path / "target")


def test_only_the_settings_authority_is_trusted(store: BlobServer, tmp_path: Path) -> None:
    store.add(b"content", "b")
    with pytest.raises(BlobError, match="CERTIFICATE_VERIFY_FAILED"):
        Transfer(Authority("another").pem, first_pause=0.01).get(store.url("GET", "b"), {}, tmp_path / "target")
    with pytest.raises(BlobError, match="expected https"):
        Transfer().get("ftp://127.0.0.1/x", {}, tmp_path / "target")
