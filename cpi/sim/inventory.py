"""What the cloud has, on disk: one SQLite file that any number of processes and threads share."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cpi.contract import CloudError
from cpi.sim.limits import Rate

Fields = dict[str, object]
FILE = "inventory.db"
BUSY, OPENING = 30.0, 5.0
_creating = threading.Lock()
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    cid TEXT PRIMARY KEY, kind TEXT NOT NULL, key TEXT, ends REAL, generation INTEGER NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS object_keys ON objects (kind, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_kinds ON objects (kind, cid, generation);
CREATE INDEX IF NOT EXISTS object_ends ON objects (ends) WHERE ends IS NOT NULL;
CREATE TABLE IF NOT EXISTS attachments (disk TEXT PRIMARY KEY, vm TEXT NOT NULL, place INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS attachment_vms ON attachments (vm);
CREATE TABLE IF NOT EXISTS addresses (ip TEXT PRIMARY KEY, vm TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS address_vms ON addresses (vm);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, tokens REAL NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS memories (vm TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS effects (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, subject TEXT NOT NULL, director INTEGER, fence INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One object: VM, disk, snapshot, stemcell or network. `ends`: when it vanishes by itself; `generation` grows by a reboot."""

    cid: str
    kind: str
    key: str | None
    ends: float | None
    generation: int
    body: Fields

    def text(self, field: str) -> str:
        """A field as text; empty if there is none."""
        return str(self.body.get(field) or "")


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that took effect (`director`: process id of the worker's parent, `subject`: its key), or a request that an agent accepted
    (`fence`: the one given, `subject`: the agent's id). `at`: epoch seconds."""

    number: int
    at: float
    method: str
    subject: str
    director: int | None
    fence: int | None


class Books:
    """The inventory inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def add(self, kind: str, key: str | None, body: Mapping[str, object], ends: float | None = None) -> Item:
        """A new object with the next CID of its kind."""
        cid = f"sim-{kind}-{self.count(f'made:{kind}')}"
        self._sql.execute("INSERT INTO objects VALUES (?, ?, ?, ?, 1, ?)", (cid, kind, key, ends, json.dumps(body)))
        return Item(cid, kind, key, ends, 1, dict(body))

    def get(self, kind: str, cid: str) -> Item | None:
        """The object, None if there is none of this kind."""
        return self._one("SELECT * FROM objects WHERE cid = ? AND kind = ?", (cid, kind))

    def by_key(self, kind: str, key: str) -> Item | None:
        """The object that was made under this key."""
        return self._one("SELECT * FROM objects WHERE key = ? AND kind = ?", (key, kind))

    def all(self, kind: str) -> list[Item]:
        """All objects of a kind, oldest first."""
        rows = self._sql.execute("SELECT * FROM objects WHERE kind = ? ORDER BY rowid", (kind,))
        return [_item(row) for row in rows]

    def number_of(self, kind: str) -> int:
        """How many there are of a kind."""
        return int(self._sql.execute("SELECT COUNT(*) FROM objects WHERE kind = ?", (kind,)).fetchone()[0])

    def change(self, cid: str, body: Mapping[str, object]) -> None:
        """Replace what is known of an object."""
        self._sql.execute("UPDATE objects SET body = ? WHERE cid = ?", (json.dumps(body), cid))

    def renew(self, cid: str, body: Mapping[str, object]) -> None:
        """The same, as a new generation."""
        sql = "UPDATE objects SET body = ?, generation = generation + 1 WHERE cid = ?"
        self._sql.execute(sql, (json.dumps(body), cid))

    def generations(self, kind: str) -> dict[str, int]:
        """CIDs of a kind with their generations; cheap however many there are."""
        rows = self._sql.execute(
            "SELECT cid, generation FROM objects WHERE kind = ? ORDER BY length(cid), cid", (kind,)
        )
        return {str(cid): int(generation) for cid, generation in rows}

    def remove(self, cid: str) -> None:
        """Forget an object with its addresses, attachments and its agent's memory."""
        self._sql.execute("DELETE FROM objects WHERE cid = ?", (cid,))
        self._sql.execute("DELETE FROM attachments WHERE disk = ? OR vm = ?", (cid, cid))
        self._sql.execute("DELETE FROM addresses WHERE vm = ?", (cid,))
        self._sql.execute("DELETE FROM memories WHERE vm = ?", (cid,))

    def sweep(self, now: float) -> list[str]:
        """Remove what has vanished by now; its CIDs."""
        rows = self._sql.execute("SELECT cid FROM objects WHERE ends <= ?", (now,)).fetchall()
        gone = [str(row[0]) for row in rows]
        for cid in gone:
            self.remove(cid)
            self.count("vanished")
        return gone

    def next_end(self) -> float | None:
        """When the next object vanishes by itself."""
        row = self._sql.execute("SELECT MIN(ends) FROM objects WHERE ends IS NOT NULL").fetchone()
        return None if row[0] is None else float(row[0])

    def attach(self, disk: str, vm: str) -> int:
        """The place of the disk on the VM, the lowest free one from 1."""
        taken = {place for _, place in self.attached(vm)}
        place = next(number for number in range(1, len(taken) + 2) if number not in taken)
        self._sql.execute("INSERT INTO attachments VALUES (?, ?, ?)", (disk, vm, place))
        return place

    def detach(self, disk: str) -> None:
        self._sql.execute("DELETE FROM attachments WHERE disk = ?", (disk,))

    def attached(self, vm: str) -> list[tuple[str, int]]:
        """(disk CID, place) on a VM, in order of place."""
        rows = self._sql.execute("SELECT disk, place FROM attachments WHERE vm = ? ORDER BY place", (vm,))
        return [(str(disk), int(place)) for disk, place in rows]

    def holder(self, disk: str) -> tuple[str, int] | None:
        """(VM CID, place) of an attached disk."""
        row = self._sql.execute("SELECT vm, place FROM attachments WHERE disk = ?", (disk,)).fetchone()
        return None if row is None else (str(row[0]), int(row[1]))

    def address_owner(self, ip: str) -> str | None:
        """The VM that has this address."""
        row = self._sql.execute("SELECT vm FROM addresses WHERE ip = ?", (ip,)).fetchone()
        return None if row is None else str(row[0])

    def take_address(self, ip: str, vm: str) -> None:
        self._sql.execute("INSERT OR REPLACE INTO addresses VALUES (?, ?)", (ip, vm))

    def number_of_addresses(self) -> int:
        return int(self._sql.execute("SELECT COUNT(*) FROM addresses").fetchone()[0])

    def count(self, name: str) -> int:
        """Count one more; how many that makes."""
        sql = "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
        return int(self._sql.execute(sql, (name,)).fetchone()[0])

    def counted(self, name: str) -> int:
        row = self._sql.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def counters(self, prefix: str) -> dict[str, int]:
        """All counters whose names begin so, without the beginning."""
        rows = self._sql.execute("SELECT name, value FROM counters ORDER BY name").fetchall()
        return {str(n).removeprefix(prefix): int(value) for n, value in rows if str(n).startswith(prefix)}

    def draw(self, rates: Sequence[tuple[str, Rate]], now: float) -> tuple[str, Rate, float] | None:
        """Take a token from each of these buckets and answer None; or take none and tell (name, rate, seconds to wait)."""
        left: list[tuple[str, float, float]] = []
        for name, rate in rates:
            row = self._sql.execute("SELECT tokens, at FROM buckets WHERE name = ?", (name,)).fetchone()
            tokens, at = (rate.burst, now) if row is None else (float(row[0]), float(row[1]))
            after, wait = rate.take(tokens, at, now)
            if wait:
                return name, rate, wait
            left.append((name, after, now))
        self._sql.executemany("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?)", left)
        return None

    def memory(self, vm: str) -> str | None:
        """What the agent of a VM keeps over its restarts."""
        row = self._sql.execute("SELECT body FROM memories WHERE vm = ?", (vm,)).fetchone()
        return None if row is None else str(row[0])

    def record(
        self, at: float, method: str, subject: str, *, director: int | None = None, fence: int | None = None
    ) -> None:
        """Note an effect in the transaction in which it takes place (property `record`)."""
        sql = "INSERT INTO effects (at, method, subject, director, fence) VALUES (?, ?, ?, ?, ?)"
        self._sql.execute(sql, (at, method, subject, director, fence))

    def effects(self, after: int = 0) -> list[Effect]:
        """What was noted after this number, in order."""
        rows = self._sql.execute("SELECT * FROM effects WHERE number > ? ORDER BY number", (after,))
        return [Effect(*row) for row in rows]

    def remember(self, vm: str, body: str) -> None:
        """Keep it, as long as the VM is there."""
        sql = "INSERT OR REPLACE INTO memories SELECT ?, ? WHERE EXISTS (SELECT 1 FROM objects WHERE cid = ?)"
        self._sql.execute(sql, (vm, body, vm))

    def _one(self, sql: str, values: tuple[str, ...]) -> Item | None:
        row = self._sql.execute(sql, values).fetchone()
        return None if row is None else _item(row)


class Inventory:
    """The file of one cloud. It holds what agents are told, keys too: it is readable by its owner alone.

    Without `follow` a file that was opened is kept to even when it has been removed or replaced.
    """

    def __init__(self, state_dir: Path, *, follow: bool = True) -> None:
        self._follow = follow
        self.directory = state_dir
        self._path = state_dir / FILE
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Generator[Books]:
        """One change of everything at once: other threads and processes see all of it or nothing."""
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Books(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise CloudError(f"the inventory {self._path} cannot be used: {error}") from error

    def version(self) -> int:
        """A number that changes when another connection has changed the file."""
        return int(self._connection().execute("PRAGMA data_version").fetchone()[0])

    def is_current(self) -> bool:
        """Whether the file that this thread has open is still the one at its path: a removed cloud is not."""
        known = self._known()
        return known is not None and known[1] == self._inode()

    def close(self) -> None:
        """Close this thread's connection."""
        known = self._known()
        if known is not None:
            known[0].close()
            self._local.open = None

    def _known(self) -> tuple[sqlite3.Connection, int | None] | None:
        return cast("tuple[sqlite3.Connection, int | None] | None", getattr(self._local, "open", None))

    def _inode(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except OSError:
            return None

    def _connection(self) -> sqlite3.Connection:
        known = self._known()
        if known is not None and (not self._follow or known[1] == self._inode()):
            return known[0]
        self.close()
        until = time.monotonic() + OPENING
        while True:
            try:
                connection = self._open()
            except (OSError, sqlite3.Error) as error:
                # the first two who open it may meet over its journal's mode, for which SQLite does not wait
                if "locked" in str(error) and time.monotonic() < until:
                    time.sleep(0.02)
                    continue
                raise CloudError(f"the inventory {self._path} cannot be opened: {error}; check state_dir") from error
            self._local.open = (connection, self._inode())
            return connection

    def _open(self) -> sqlite3.Connection:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One thread at a time, and only where there is no file: closing a descriptor of it drops the locks of all connections that this
        # process has, and then the next process that closes it takes itself for the last one and removes the log under their hands.
        with _creating:
            if not self._path.exists():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may cost the last changes; a killed process costs nothing.
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _item(row: tuple[object, ...]) -> Item:
    cid, kind, key, ends, generation, body = row
    found = cast(Fields, json.loads(cast(str, body)))
    return Item(
        str(cid), str(kind), None if key is None else str(key), cast("float | None", ends), cast(int, generation), found
    )
