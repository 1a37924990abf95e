"""One message and what became of it, sent with this project's own records and encoder.

    .venv/bin/python examples/python/produce_events.py [localhost:9092]

The topics must be there: `sms-streams topics create`, or `sms-streams up` in another terminal.
"""

import sys
import time

from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE
from streams.kafka.client import producer_options

bootstrap = sys.argv[1] if len(sys.argv) > 1 else "localhost:9092"
# producer_options sets, among others, partitioner=murmur2_random: what Java does, and librdkafka by itself does not.
producer = Producer(producer_options({"bootstrap.servers": bootstrap}))

now_ms = int(time.time() * 1_000)
message_id = f"python-{now_ms}"
events = {
    SUBMIT: {
        "submitted_at_ms": now_ms - 3_000,
        "provider": "aurora",
        "campaign": "welcome",
        "recipient": "+33612345678",
        "country": "FR",
        "attributes": {"shop": "Lyon 2"},
    },
    SUBMIT_RESPONSE: {"responded_at_ms": now_ms - 2_800, "code": "0", "provider_message_id": "a1b2c3"},
    DELIVERY_REPORT: {"received_at_ms": now_ms, "code": "DELIVRD", "err": "000", "provider_message_id": "a1b2c3"},
}
for topic, fields in events.items():
    # A mapping takes the schema's defaults for what is missing; a Submit(...) of streams.events works as well.
    value = Encoder(topic).encode({"message_id": message_id, **fields})
    producer.produce(topic, key=message_id.encode(), value=value)
if producer.flush(10):
    sys.exit(f"no answer from {bootstrap}")
print(message_id)
