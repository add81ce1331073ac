"""Run by alembic: upgrades on the connection that was opened for it."""

from __future__ import annotations

from alembic import context

from paas.cloud_controller.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
