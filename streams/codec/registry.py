"""A schema registry behind the small interface the codecs need."""

from __future__ import annotations

import json
from collections.abc import Mapping

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.codec.schemas import AvroSchema, UnknownSchemaError

_NOT_FOUND = 404


class ConfluentRegistry:
    """Confluent-compatible schema registry; subjects are named TOPIC-value."""

    def __init__(self, options: Mapping[str, str]) -> None:
        """Take the client's options (``url``, ``basic.auth.user.info``, ``ssl.ca.location``, ...)."""
        self._client = SchemaRegistryClient(dict(options))

    def schema(self, schema_id: int) -> AvroSchema:
        """Return the schema with this id."""
        try:
            found = self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise UnknownSchemaError(f"the schema registry has no schema {schema_id}") from error
            raise
        schema: AvroSchema = json.loads(found.schema_str or "{}")
        return schema

    def register(self, topic: str, schema: AvroSchema) -> int:
        """Register the value schema of a topic (a no-op where it is there) and return its id."""
        schema_id: int = self._client.register_schema(f"{topic}-value", Schema(json.dumps(schema), "AVRO"))
        return schema_id
