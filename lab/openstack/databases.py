"""Fills the databases of a new lab: the services' own migrations, three chains side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lab.openstack import identity
from lab.openstack.stack import Stack

NEUTRON = """
import sys
from alembic import op
real = op.execute
def execute(sql, *a, **k):
    if "CHARACTER SET" not in str(sql):
        return real(sql, *a, **k)
op.execute = execute
from neutron.db.migration.cli import main
sys.argv[0] = "neutron-db-manage"
main()
"""
"""One migration (2025.2, case of tags) is MySQL's alone; PostgreSQL compares with case anyway."""


def fill(stack: Stack) -> None:
    """All of them; keystone runs afterwards."""
    with ThreadPoolExecutor(3) as pool:
        for chain in [pool.submit(one, stack) for one in (_nova, _others, _neutron)]:
            chain.result()


def _nova(stack: Stack) -> None:
    manage = ("nova-manage", "nova-manage", *stack.configuration("nova", "nova.conf"))
    stack.once(*manage, "api_db", "sync")
    stack.once(*manage, "cell_v2", "map_cell0", "--database_connection", stack.database("nova_cell0"))
    stack.once(*manage, "cell_v2", "create_cell", "--name", "cell1")
    stack.once(*manage, "db", "sync")


def _others(stack: Stack) -> None:
    identity.make(stack)
    folder = ("--config-dir", str(stack.path("etc/placement")))
    stack.once("placement-manage", "placement-manage", *folder, "db", "sync")
    stack.once("glance-manage", "glance-manage", *stack.configuration("glance", "glance-api.conf"), "db", "sync")
    stack.once("cinder-manage", "cinder-manage", *stack.configuration("cinder", "cinder.conf"), "db", "sync")


def _neutron(stack: Stack) -> None:
    settings = stack.configuration("neutron", "neutron.conf")
    stack.once("neutron-db-manage", "python", "-c", NEUTRON, *settings, "upgrade", "heads")
