"""Composition roots: where the pure parts meet files, Kafka and ClickHouse."""
