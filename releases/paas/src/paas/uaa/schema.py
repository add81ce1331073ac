"""UAA's tables. Passwords, codes and refresh tokens are kept as digests or by name only."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("external_id", Text, nullable=False, server_default=""),
    Column("given_name", Text, nullable=False),
    Column("family_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("password", Text),  # argon2id
    Column("configured_password", Text),  # argon2id of the one in the configuration at the last start
    Column("password_changed", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("changed", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("last_failure", DateTime(timezone=True)),
    Column("locked_until", DateTime(timezone=True)),
    Column("last_logon", DateTime(timezone=True)),
    Column("previous_logon", DateTime(timezone=True)),
)
Index("users_by_name", func.lower(users.c.name), users.c.origin, unique=True)

groups = Table(
    "groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("changed", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("version", Integer, nullable=False, server_default=text("0")),
)

members = Table(
    "members",
    metadata,
    Column("group_id", Text, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("member_id", Text, primary_key=True),
    Column("type", Text, nullable=False),  # USER or GROUP
    Column("origin", Text, nullable=False),
)
Index("members_by_member", members.c.member_id)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("session", Text, nullable=False),  # of all that follow from one log-in
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("scope", ARRAY(Text), nullable=False),
    Column("auth_time", DateTime(timezone=True), nullable=False),
    Column("grant_type", Text, nullable=False),
    Column("expires", DateTime(timezone=True), nullable=False),
    Column("retires", DateTime(timezone=True)),  # set when another has taken its place
)
Index("refresh_tokens_by_session", refresh_tokens.c.session)
Index("refresh_tokens_by_user", refresh_tokens.c.user_id)
Index("refresh_tokens_by_end", refresh_tokens.c.expires)

revoked = Table(
    "revoked_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("expires", DateTime(timezone=True), nullable=False),
)

codes = Table(
    "codes",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of the code
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scope", ARRAY(Text), nullable=False),
    Column("challenge", Text, nullable=False),  # of PKCE, method S256; empty where there is none
    Column("nonce", Text, nullable=False),
    Column("expires", DateTime(timezone=True), nullable=False),
)
