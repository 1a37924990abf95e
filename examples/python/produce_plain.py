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


def encode(schema_file: Path, record: dict) -> bytes:
    """Avro single-object encoding: C3 01, the schema's CRC-64-AVRO fingerprint (little endian), the body.

    Fields that are not given take the schema's defaults.
    """
    schema = json.loads(schema_file.read_text(encoding="utf-8"))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), record)
    return b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")) + body.getvalue()


def main(bootstrap: str = "localhost:9092", schemas: str = "schemas") -> None:
    """Send one message that was refused."""
    # librdkafka's default partitioner is not Java's: without this option the events of one message part company.
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True})
    now_ms = int(time.time() * 1_000)
    message_id = f"plain-{now_ms}"
    events = {
        "sms.submit": {"message_id": message_id, "submitted_at_ms": now_ms - 500, "provider": "aurora"},
        "sms.submit-response": {"message_id": message_id, "responded_at_ms": now_ms, "code": "ESME_RINVDSTADR"},
    }
    for topic, record in events.items():
        producer.produce(topic, key=message_id.encode(), value=encode(Path(schemas, f"{topic}.avsc"), record))
    if producer.flush(10):
        sys.exit(f"no answer from {bootstrap}")
    print(message_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
