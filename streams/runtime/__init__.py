"""The batch runtime: Kafka in, one transaction a batch, state that survives. Read docs/runtime.md beside it."""
