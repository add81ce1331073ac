"""Writes to a bound service and reads back."""

from __future__ import annotations

import json
import os
import secrets

import psycopg
import redis


def write_and_read(query: dict[str, str]) -> str:
    """A fresh word, through the service bound under ``name``."""
    bound = [one for kind in json.loads(os.environ["VCAP_SERVICES"]).values() for one in kind]
    found = next(one for one in bound if one["name"] == query["name"])
    word = query.get("word") or secrets.token_hex(8)
    return {"postgres": _postgres, "redis": _redis}[query["kind"]](found["credentials"], word)


def _postgres(credentials: dict, word: str) -> str:
    with psycopg.connect(
        user=credentials["username"],
        password=credentials["password"],
        host=credentials["host"],
        port=int(credentials["port"]),
        dbname=credentials["name"],
        connect_timeout=20,
    ) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", (word,))
        connection.commit()
        return connection.execute("SELECT word FROM words WHERE word = %s", (word,)).fetchone()[0]


def _redis(credentials: dict, word: str) -> str:
    client = redis.Redis(
        host=credentials["host"],
        port=int(credentials["port"]),
        username=credentials.get("username"),
        password=credentials["password"],
        socket_timeout=20,
    )
    client.set("word", word)
    return client.get("word").decode()
