"""The store in SQL: SQLite in a file or in memory, or PostgreSQL; one schema, the same statements."""
