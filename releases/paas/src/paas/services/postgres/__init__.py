"""The PostgreSQL service: one engine per node, a database and an owner per instance, a role per binding."""
