"""Which of a batch's answers go into the receipt index, under which keys, and as which bytes.

This is on correlate's hot path: whole batches, flat loops, and what is the same for a provider is looked up once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from streams.codec.receipt_index import IndexEncoder
from streams.correlator.message import GENERAL, Message, message_key
from streams.correlator.store import Store
from streams.events import ReceiptIndex, SubmitResponse
from streams.resolver.ids import AROUND, IdRules, trimmed
from streams.resolver.rules import ResolveRules

_MEMORY = 10_000
_PROVIDER, _ID = SubmitResponse._fields.index("provider"), SubmitResponse._fields.index("provider_message_id")

Revisions = list[tuple[Message, Any]]


class _Custom(NamedTuple):
    """What is the same for all ids of a provider; ``rules`` None: an id is its own key."""

    start: str
    rules: IdRules | None
    noted: bool


def index_of(answer: SubmitResponse) -> ReceiptIndex:
    """Return the index entry that an answer gives."""
    account, message_id, attempt, part, at_ms, provider, _, id_, _ = answer
    return ReceiptIndex(provider, id_, account, message_id, attempt, part, at_ms)


def answers_with_ids(events: list[Any], revisions: Revisions, store: Store) -> list[Any]:
    """Return the answers of a batch that brought an id, each with a provider.

    One that names none has that of its submit. If it came before that, it is taken when the submit has come, which
    makes a revision of a message whose history is not one of the simple ones. `store` has what became of the batch.
    """
    found = [event for event in events if event.__class__ is SubmitResponse and event[_ID]]
    if "" in {answer[_PROVIDER] for answer in found}:
        named = (_named(answer, store.get(message_key(answer.account, answer.message_id))) for answer in found)
        found = [answer for answer in named if answer.provider]
    found += _unnamed(message for message, _ in revisions if message.stage == GENERAL)
    return found


def _unnamed(messages: Iterable[Message]) -> Iterator[SubmitResponse]:
    for message in messages:
        for answer in message.answers:
            if not answer.provider and answer.provider_message_id:
                named = _named(answer, message)
                if named.provider:
                    yield named


def _named(answer: SubmitResponse, message: Message | None) -> SubmitResponse:
    """Return an answer with its provider: that of the submit of its attempt, else of the nearest lower, the lowest."""
    if answer.provider or message is None or not message.submits:
        return answer
    lower = [number for number in message.submits if number <= answer.attempt]
    return answer._replace(provider=message.submits[max(lower) if lower else min(message.submits)].provider)


class Index:
    """Makes the records of ``sms.receipt-index``."""

    def __init__(self, rules: ResolveRules, encoder: IndexEncoder) -> None:
        """`rules` tell the keys of each provider's ids."""
        self._rules = rules
        self._encode = encoder.encode_answers
        self._customs: dict[str, _Custom] = {}

    def records(self, events: list[Any], revisions: Revisions, store: Store) -> list[tuple[str, bytes]]:
        """Return key and value of each record that a batch's answers give."""
        answers = answers_with_ids(events, revisions, store)
        customs = {provider: self._custom(provider) for provider in {answer[_PROVIDER] for answer in answers}}
        if not all(custom.noted for custom in customs.values()):
            answers = [answer for answer in answers if customs[answer.provider].noted]
        values = self._encode(answers)
        if any(custom.rules for custom in customs.values()):
            return [
                (customs[answer.provider].start + key, value)
                for answer, value in zip(answers, values, strict=True)
                for key in self._rules.ids(answer.provider).answer_keys(answer.provider_message_id)
            ]
        ids = [answer[_ID] for answer in answers]
        all_ids = "".join(ids)
        if any(blank in all_ids for blank in AROUND):
            ids = list(map(trimmed, ids))
        starts = {provider: custom.start for provider, custom in customs.items()}
        keys = [starts[answer[_PROVIDER]] + id_ for answer, id_ in zip(answers, ids, strict=True)]
        return list(zip(keys, values, strict=True))

    def _custom(self, provider: str) -> _Custom:
        known = self._customs.get(provider)
        if known is None:
            if len(self._customs) >= _MEMORY:
                self._customs.clear()
            ids = self._rules.ids(provider)
            known = _Custom(f"{provider}:", None if ids.plain else ids, self._rules.indexes(provider))
            self._customs[provider] = known
        return known
