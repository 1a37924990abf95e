"""Which of a batch's answers go into the receipt index, and under which keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.codec.receipt_index import IndexEncoder
from streams.correlator.message import Message, message_key
from streams.correlator.store import Store
from streams.events import ReceiptIndex, Submit, SubmitResponse
from streams.resolver.ids import kafka_key
from streams.resolver.rules import ResolveRules


def index_of(answer: SubmitResponse, provider: str) -> ReceiptIndex:
    """Return the index entry that an answer of a provider gives."""
    return ReceiptIndex(
        provider,
        answer.provider_message_id,
        answer.account,
        answer.message_id,
        answer.attempt,
        answer.part,
        answer.responded_at_ms,
    )


def indexed(events: list[Any], store: Store) -> Iterator[tuple[SubmitResponse, str]]:
    """Yield the answers that brought an id, and the provider: where an answer names none, the submit's.

    An answer that came before its submit, and names no provider, is yielded when the submit comes. `store` has what
    the events have become.
    """
    in_memory = store.messages
    for event in events:
        if event.__class__ is SubmitResponse:
            if event[7]:  # provider_message_id
                provider = event[5] or _provider(store.get(message_key(event[0], event[1])), event[2])
                if provider:
                    yield event, provider
        elif event.__class__ is Submit:
            message = in_memory.get(f"{event[0]}\x00{event[1]}")
            if message is not None and message.answers:
                for answer in message.answers:
                    if not answer.provider and answer.provider_message_id and event.provider:
                        yield answer, _provider(message, answer.attempt)


def _provider(message: Message | None, attempt: int) -> str:
    """Return the provider of an attempt's submit, else of the nearest lower attempt's, else of the lowest."""
    if message is None or not message.submits:
        return ""
    lower = [number for number in message.submits if number <= attempt]
    return message.submits[max(lower) if lower else min(message.submits)].provider


class Index:
    """Makes the records of ``sms.receipt-index``."""

    def __init__(self, rules: ResolveRules, encoder: IndexEncoder) -> None:
        """`rules` tell the keys of each provider's ids."""
        self._rules = rules
        self._encode = encoder.encode

    def records(self, events: list[Any], store: Store) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and value of each record that a batch's answers give."""
        rules, encode = self._rules, self._encode
        for answer, provider in indexed(events, store):
            if not rules.indexes(provider):
                continue
            account, message_id, attempt, part, at_ms, _, _, id_, _ = answer
            value = encode(provider, id_, account, message_id, attempt, part, at_ms)
            for key in rules.ids(provider).answer_keys(id_):
                yield kafka_key(provider, key), value
