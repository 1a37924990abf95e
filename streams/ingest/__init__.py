"""The HTTP endpoint: vendors' webhooks in, delivery reports on Kafka out, and success only for what Kafka has."""
