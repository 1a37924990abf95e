"""What the SMSC did, compared with what the import makes of Kannel's log.

The truth has one object for each submit_sm (see deploy/kannel-lab). Every answer and every receipt in it must be
told by the events, under the right message, or the summary must say that the log does not tell it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.events import DeliveryReport, ProviderReceipt, Submit, SubmitResponse
from streams.importers.kannel import KannelImport
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.summary import Summary

HEX_TO_DECIMAL = {"BETA"}
LOST = 2**63 - 1
NEAR_MS = 2_500


@dataclass
class Comparison:
    """``agreed``: counts of what agrees; ``wrong``: sentences about what does not; ``untold``: nothing to compare."""

    agreed: Counter[str] = field(default_factory=Counter)
    untold: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def read(path: Path, options: Options) -> tuple[list[ImportedEvent], Summary]:
    importer = KannelImport(options)
    events: list[ImportedEvent] = []
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            events += importer.feed(number, raw)
    last, summary = importer.finish()
    return events + last, summary


def truth(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def compare(
    submits: Sequence[dict[str, Any]], events: Sequence[ImportedEvent], answered_within_ms: int = NEAR_MS
) -> Comparison:
    """``answered_within_ms``: more for a log that has only the times of creation."""
    result = Comparison()
    _compare_accepted(submits, events, result, answered_within_ms)
    _compare_refused(submits, events, result)
    return result


def _fid(submit: dict[str, Any]) -> str:
    number = int(submit["id_resp"], 16) if submit["smsc"] in HEX_TO_DECIMAL | {"OMEGA"} else 0
    return str(number) if submit["smsc"] in HEX_TO_DECIMAL else submit["id_resp"]


def _compare_accepted(
    submits: Sequence[dict[str, Any]], events: Sequence[ImportedEvent], result: Comparison, within_ms: int
) -> None:
    answers = {
        (event.provider, event.provider_message_id): event
        for event in events
        if isinstance(event, SubmitResponse) and event.provider_message_id
    }
    submitted = {event.message_id: event for event in events if isinstance(event, Submit)}
    reports = [event for event in events if isinstance(event, DeliveryReport) and event.provider != "FAKE"]
    alone = [event for event in events if isinstance(event, ProviderReceipt)]
    for submit in submits:
        if submit["answer"] != "ok":
            continue
        name = f"submit {submit['n']} of {submit['smsc']}"
        answer = answers.get((submit["smsc"], _fid(submit)))
        if answer is None:
            result.untold["id of an accepted submit"] += 1
        elif answer.code != "0":
            result.wrong.append(f"{name} was accepted, told {answer.code}")
        elif submitted[answer.message_id].recipient.lstrip("+") != submit["to"]:
            result.wrong.append(f"{name} has another recipient")
        elif abs(answer.responded_at_ms - submit["answer_at_ms"]) > within_ms:
            result.wrong.append(f"{name} was answered at another time")
        else:
            result.agreed["accepted submits"] += 1
        for receipt in submit["receipts"]:
            told = _take(reports, receipt, answer) if answer is not None else None
            if told is not None:
                result.agreed["receipts under their message"] += 1
            elif _take_alone(alone, receipt, submit) is not None:
                result.untold["message of a receipt"] += 1
            else:
                result.wrong.append(f"{name}: its receipt {receipt['stat']} is not told")
    result.wrong += [f"told and not true: {event}" for event in [*reports, *alone]]


def _take(reports: list[DeliveryReport], receipt: dict[str, Any], answer: SubmitResponse) -> DeliveryReport | None:
    for event in reports:
        same = (event.message_id, event.part, event.code, event.err) == (
            answer.message_id,
            answer.part,
            receipt["stat"],
            receipt["err"],
        )
        if same and abs(event.received_at_ms - receipt["at_ms"]) <= NEAR_MS:
            reports.remove(event)
            return event
    return None


def _take_alone(
    alone: list[ProviderReceipt], receipt: dict[str, Any], submit: dict[str, Any]
) -> ProviderReceipt | None:
    for event in alone:
        if (event.provider_message_id, event.code) == (submit["id_receipt"], receipt["stat"]):
            alone.remove(event)
            return event
    return None


def _compare_refused(submits: Sequence[dict[str, Any]], events: Sequence[ImportedEvent], result: Comparison) -> None:
    """The last answer to each message that was refused in the end; one line of the log each."""
    last: dict[tuple[str, str, str], dict[str, Any]] = {}
    for submit in submits:
        last[submit["smsc"], submit["to"], submit["udh"] or submit["text"]] = submit
    recipients = {event.message_id: event.recipient.lstrip("+") for event in events if isinstance(event, Submit)}
    refusals = Counter(
        (event.provider, recipients[event.message_id], event.code.lower())
        for event in events
        if isinstance(event, SubmitResponse) and event.code != "0"
    )
    for submit in last.values():
        if submit["answer"] == "ok":
            continue
        key = (submit["smsc"], submit["to"])
        if refusals[*key, submit["answer"].lower()]:
            result.agreed["refusals with their code"] += 1
        elif any(told[:2] == key and told[2].startswith("kannel_") for told in refusals):
            result.untold["code of a refusal"] += 1
        else:
            result.wrong.append(f"submit {submit['n']} was refused with {submit['answer']}, not told")
