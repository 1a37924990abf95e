"""Kafka: client options, topics, and an embedded broker for trying out."""
