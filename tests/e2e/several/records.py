"""What others say of the directors' doings: PostgreSQL of who wrote under whose lease, the simulated cloud of who called and what agents took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.rows import namedtuple_row

from cpi.sim.inventory import Effect, Inventory
from tests.contract.store.postgres_server import PostgresServer

TRIGGERS = """
CREATE TABLE record_leases (at float8, name text, owner text, fence bigint);
CREATE TABLE record_writes (at float8, what text, task bigint, writer text, owner text, body text);
CREATE FUNCTION record_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'INSERT' OR NEW.owner <> OLD.owner OR NEW.fence <> OLD.fence THEN
    INSERT INTO record_leases VALUES (extract(epoch from clock_timestamp()), NEW.name, NEW.owner, NEW.fence);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION record_write() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE said text; BEGIN
  said := CASE WHEN TG_TABLE_NAME = 'journal' THEN to_jsonb(NEW)->>'body' ELSE NULL END;
  INSERT INTO record_writes VALUES (extract(epoch from clock_timestamp()), TG_TABLE_NAME, NEW.task_id,
    current_setting('application_name'), (SELECT owner FROM leases WHERE name = 'task/' || NEW.task_id), said);
  RETURN NULL;
END $$;
CREATE TRIGGER record AFTER INSERT OR UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION record_lease();
CREATE TRIGGER record AFTER INSERT OR UPDATE ON journal FOR EACH ROW EXECUTE FUNCTION record_write();
CREATE TRIGGER record AFTER INSERT OR UPDATE ON task_output FOR EACH ROW EXECUTE FUNCTION record_write();
"""


@dataclass(frozen=True)
class Holder:
    """From ``at`` on (epoch seconds, the database's) ``owner`` has the lease under ``fence``; empty: nobody."""

    at: float
    owner: str
    fence: int


@dataclass
class Records:
    """Read anew with each call."""

    postgres: PostgresServer
    inventory: Inventory

    def begin(self) -> None:
        """Once the tables are there."""
        self._all(TRIGGERS)

    def holders(self, lease: str) -> list[Holder]:
        rows = self._all("SELECT at, owner, fence FROM record_leases WHERE name = %s ORDER BY at", lease)
        return [Holder(*row) for row in rows]

    def writes(self, task: int) -> list[Any]:
        """(at, what, task, writer, owner, body) of the journal and the output of a task; ``owner`` held its lease at that moment."""
        return self._all("SELECT * FROM record_writes WHERE task = %s ORDER BY at", task)

    def effects(self, since: float) -> list[Effect]:
        with self.inventory.transaction() as books:
            return [one for one in books.effects() if one.at >= since]

    def objects(self, kind: str) -> dict[str, str]:
        """CIDs of what the cloud has, with their keys."""
        with self.inventory.transaction() as books:
            return {one.cid: one.key or "" for one in books.all(kind)}

    def addresses(self) -> int:
        with self.inventory.transaction() as books:
            return books.number_of_addresses()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The bodies of a table of the store."""
        return [row[0] for row in self._all(f"SELECT body::jsonb FROM {table}")]

    def _all(self, sql: str, *values: Any) -> list[Any]:
        with self.postgres.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []


def holder_at(holders: list[Holder], at: float) -> Holder | None:
    """Who had the lease at a time."""
    found = [one for one in holders if one.at <= at]
    return found[-1] if found else None
