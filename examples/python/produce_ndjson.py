"""Lines of JSON from standard input to Kafka: events from the console, a shell script, jq.

    echo '{"topic": "sms.submit", "message_id": "m1", "submitted_at": "2026-11-22T10:00:00Z", "provider": "aurora"}' |
        .venv/bin/python examples/python/produce_ndjson.py [localhost:9092]

The lines are those of `sms-streams replay`. A line that is no event is named on standard error; exit code 1 then.
"""

import sys

from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.codec.ndjson import BadLineError, parse_line
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE
from streams.kafka.client import producer_options

bootstrap = sys.argv[1] if len(sys.argv) > 1 else "localhost:9092"
producer = Producer(producer_options({"bootstrap.servers": bootstrap}))
encoders = {topic: Encoder(topic) for topic in (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT)}

bad = 0
for number, line in enumerate(sys.stdin.buffer, 1):
    try:
        topic, event, _ = parse_line(line)
        if topic not in encoders:
            raise BadLineError("bad_line", f"topic is {topic}, must be one of {', '.join(encoders)}")
    except BadLineError as error:
        bad += 1
        print(f"line {number}: {error}", file=sys.stderr)
        continue
    producer.produce(topic, key=event.message_id.encode(), value=encoders[topic].encode(event))
    producer.poll(0)
if producer.flush(10):
    sys.exit(f"no answer from {bootstrap}")
sys.exit(1 if bad else 0)
