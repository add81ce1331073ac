"""A component's database: PostgreSQL by SQLAlchemy Core and psycopg, and its schema by alembic."""
