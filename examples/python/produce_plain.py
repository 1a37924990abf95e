"""The same without this project: any Avro library, any Kafka client, and the schema files.

    pip install confluent-kafka fastavro
    python examples/python/produce_plain.py [localhost:9092] [schemas]
"""

import io
import json
import sys
import time
from pathlib import Path

import fastavro
from confluent_kafka import Producer
from fastavro.schema import fingerprint, to_parsing_canonical_form

bootstrap = sys.argv[1] if len(sys.argv) > 1 else "localhost:9092"
schemas = Path(sys.argv[2] if len(sys.argv) > 2 else "schemas")
# librdkafka's default partitioner is not Java's: without this line the events of one message part company.
producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True})


def encode(topic: str, record: dict) -> bytes:
    """Avro single-object encoding: C3 01, the schema's CRC-64-AVRO fingerprint (little endian), the body."""
    schema = json.loads((schemas / f"{topic}.avsc").read_text(encoding="utf-8"))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), record)
    return b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")) + body.getvalue()


def send(topic: str, record: dict) -> None:
    """Send a record under its message_id; fields that are not given take the schema's defaults."""
    producer.produce(topic, key=record["message_id"].encode(), value=encode(topic, record))


def main() -> None:
    """One message that was refused."""
    now_ms = int(time.time() * 1_000)
    message_id = f"plain-{now_ms}"
    send("sms.submit", {"message_id": message_id, "submitted_at_ms": now_ms - 500, "provider": "aurora"})
    send("sms.submit-response", {"message_id": message_id, "responded_at_ms": now_ms, "code": "ESME_RINVDSTADR"})
    if producer.flush(10):
        sys.exit(f"no answer from {bootstrap}")
    print(message_id)


if __name__ == "__main__":
    main()
