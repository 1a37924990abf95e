"""ClickHouse: tables and views (migrations), one interface for a server and the embedded engine, loading, reading."""
