"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Users, groups, and what of tokens must be remembered."""
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("configured_password", sa.Text()),
        sa.Column("password_changed", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("created", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("changed", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("failures", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("last_failure", TIME),
        sa.Column("locked_until", TIME),
        sa.Column("last_logon", TIME),
        sa.Column("previous_logon", TIME),
    )
    op.create_index("users_by_name", "users", [sa.text("lower(name)"), "origin"], unique=True)
    op.create_table(
        "groups",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("changed", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "members",
        sa.Column("group_id", sa.Text(), sa.ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("member_id", sa.Text(), primary_key=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
    )
    op.create_index("members_by_member", "members", ["member_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("jti", sa.Text(), primary_key=True),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", ARRAY(sa.Text()), nullable=False),
        sa.Column("auth_time", TIME, nullable=False),
        sa.Column("grant_type", sa.Text(), nullable=False),
        sa.Column("expires", TIME, nullable=False),
        sa.Column("retires", TIME),
    )
    op.create_index("refresh_tokens_by_session", "refresh_tokens", ["session"])
    op.create_index("refresh_tokens_by_user", "refresh_tokens", ["user_id"])
    op.create_index("refresh_tokens_by_end", "refresh_tokens", ["expires"])
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.Text(), primary_key=True),
        sa.Column("expires", TIME, nullable=False),
    )
    op.create_table(
        "codes",
        sa.Column("digest", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scope", ARRAY(sa.Text()), nullable=False),
        sa.Column("challenge", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires", TIME, nullable=False),
    )
