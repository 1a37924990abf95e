"""What correlate notes of its answers, so that receipts find their messages."""

from __future__ import annotations

from typing import Any

from streams.codec.avro import Decoder
from streams.codec.receipt_index import IndexEncoder
from streams.correlator.message import Message
from streams.correlator.step import Correlator
from streams.correlator.store import MemoryStore
from streams.events import RECEIPT_INDEX, SUBMIT, SUBMIT_RESPONSE, Event, ReceiptIndex
from streams.resolver.rules import IdPolicy, ResolveRules
from streams.runtime.indexing import Index
from streams.settings import Settings
from tests.golden_histories import event

T = 1_772_445_600_000
Noted = list[tuple[str, ReceiptIndex]]


class Noting:
    """A correlator whose answers are noted."""

    def __init__(self, rules: ResolveRules | None = None) -> None:
        self._store: MemoryStore[Message] = MemoryStore()
        self._correlator = Correlator(Settings().rules(), self._store)
        self._index = Index(rules or ResolveRules(), IndexEncoder())

    def feed(self, *events: Event) -> Noted:
        delta = self._correlator.step(events)
        records = self._index.records(list(events), delta.revisions, self._store)
        entries, _, bad = Decoder(RECEIPT_INDEX).rows([value for _, value in records])
        assert not bad
        return list(zip([key for key, _ in records], entries, strict=True))


def submit(**fields: Any) -> Event:
    return event(
        {"topic": SUBMIT, "message_id": "m1", "account": "acme", "submitted_at_ms": T, "provider": "p"} | fields
    )


def answer(id_: str, **fields: Any) -> Event:
    plain = {"message_id": "m1", "account": "acme", "responded_at_ms": T + 5, "provider": "p", "code": "0"}
    return event({"topic": SUBMIT_RESPONSE, **plain, "provider_message_id": id_, **fields})


def entry(id_: str, **fields: Any) -> ReceiptIndex:
    return ReceiptIndex("p", id_, "acme", "m1", 1, None, T + 5)._replace(**fields)


def test_each_answer_with_an_id_is_noted_under_it_as_it_was_written() -> None:
    noted = Noting().feed(submit(parts=2), answer("0x-A1", part=1), answer("b2", part=2), answer("", part=2))
    assert noted == [("p:0x-A1", entry("0x-A1", part=1)), ("p:b2", entry("b2", part=2))]


def test_blanks_around_an_id_are_not_part_of_its_key() -> None:
    assert Noting().feed(answer(" a1\0"), answer("b1")) == [("p:a1", entry(" a1\0")), ("p:b1", entry("b1"))]


def test_an_id_is_noted_under_every_spelling_that_a_receipt_may_have() -> None:
    rules = ResolveRules(providers={"p": IdPolicy(("as_is", "hex_to_decimal"))})
    assert [key for key, _ in Noting(rules).feed(answer("00FF"), answer("zz", provider="q"))] == [
        *("p:ff", "p:255"),
        "q:zz",
    ]


def test_what_is_configured_to_need_none_is_not_noted() -> None:
    none = ResolveRules(IdPolicy(reports_by="message_id"))
    assert (none.indexes_any, Noting(none).feed(answer("a1"))) == (False, [])
    one = ResolveRules(providers={"q": IdPolicy(reports_by="message_id")})
    assert [key for key, _ in Noting(one).feed(answer("a1", provider="q"), answer("a2"))] == ["p:a2"]


def test_an_answer_without_a_provider_has_that_of_its_submit_whichever_comes_first() -> None:
    after, before, apart = Noting(), Noting(), Noting()
    assert after.feed(submit(), answer("a1", provider="")) == [("p:a1", entry("a1"))]
    assert before.feed(answer("a1", provider=""), submit())[0] == ("p:a1", entry("a1"))
    assert apart.feed(answer("a1", provider="")) == []
    assert apart.feed(submit(submitted_at_ms=T + 100)) == [("p:a1", entry("a1"))]


def test_the_provider_is_that_of_the_answers_own_attempt() -> None:
    noting = Noting()
    noting.feed(submit(), submit(attempt=2, provider="q", submitted_at_ms=T + 1))
    assert {key for key, _ in noting.feed(answer("a1", provider="", attempt=2))} == {"q:a1"}
    assert "q:a3" in dict(noting.feed(answer("a3", provider="", attempt=3)))
