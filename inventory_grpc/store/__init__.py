"""What is in PostgreSQL: tables, migrations, queries. Functions take a connection, never commit."""
