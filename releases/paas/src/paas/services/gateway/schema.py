"""The gateway's tables."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


instances = sa.Table(
    "instances",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="the platform's"),
    sa.Column("service_id", sa.Text, nullable=False),
    sa.Column("plan_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, comment="of the request: the same again is no conflict"),
    sa.Column("state", sa.Text, nullable=False, comment="creating, ready, failed or deleting"),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("node", sa.Text, nullable=False, server_default="", comment="written before the node is asked"),
    sa.Column("name", sa.Text, nullable=False, unique=True, comment="on the node"),
    sa.Column("place", JSONB, nullable=False, server_default="{}"),
    sa.Column("claimed_until", sa.DateTime(timezone=True), comment="a gateway is at it"),
    _now("created_at"),
    sa.Index("instances_to_do", "state", postgresql_where=sa.text("state IN ('creating', 'deleting')")),
)

bindings = sa.Table(
    "bindings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="the platform's"),
    sa.Column("key", sa.Text, nullable=False, comment="the node's id of it: new with each try"),
    sa.Column("instance_id", sa.ForeignKey("instances.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("credentials", sa.Text, nullable=False, server_default="", comment="sealed; empty while being made"),
    sa.Column("claimed_until", sa.DateTime(timezone=True)),
    _now("created_at"),
)

orphans = sa.Table(
    "orphans",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("binding", sa.Text, nullable=False, server_default="", comment="empty: the whole instance"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    _now("since"),
    sa.UniqueConstraint("node", "name", "binding"),
    comment="what a node may have and nobody wants any more",
)
