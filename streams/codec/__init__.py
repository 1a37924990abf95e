"""Bytes to records and back: Avro in both framings, by the batch."""
