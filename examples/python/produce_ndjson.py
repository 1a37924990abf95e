"""Lines of JSON from standard input to Kafka: events from the console, a shell script, jq.

    echo '{"topic": "sms.submit", "message_id": "m1", "submitted_at": "2026-11-22T10:00:00Z", "provider": "aurora"}' |
        .venv/bin/python examples/python/produce_ndjson.py [localhost:9092]

The lines are those of `sms-streams replay`. A line that is no event is named on standard error; exit code 1 then.
"""

import sys

from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.codec.ndjson import TOPICS, BadLineError, parse_line
from streams.events import ProviderReceipt
from streams.kafka.client import producer_options

bootstrap = sys.argv[1] if len(sys.argv) > 1 else "localhost:9092"
producer = Producer(producer_options({"bootstrap.servers": bootstrap}))
encoders = {topic: Encoder(topic) for topic in TOPICS}

bad = 0
for number, line in enumerate(sys.stdin.buffer, 1):
    try:
        topic, event, _ = parse_line(line)
    except BadLineError as error:
        bad += 1
        print(f"line {number}: {error}", file=sys.stderr)
        continue
    own = isinstance(event, ProviderReceipt)
    key = f"{event.provider}:{event.provider_message_id}" if own else event.message_id
    producer.produce(topic, key=key.encode(), value=encoders[topic].encode(event))
    producer.poll(0)
if producer.flush(10):
    sys.exit(f"no answer from {bootstrap}")
sys.exit(1 if bad else 0)
