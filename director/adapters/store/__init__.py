"""The store in SQL: SQLite in a file or in memory, one schema; laid out so that PostgreSQL joins with the same statements."""
