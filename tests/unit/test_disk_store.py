"""The local store: a clean close leaves everything, timeouts included; anything else leaves nothing to be believed."""

from __future__ import annotations

from pathlib import Path

from streams.correlator.message import Message, message_key
from streams.runtime.correlate import MESSAGES
from streams.runtime.store import DiskStore

NOW = 1_767_225_600_000
SOON = NOW + 60_000
LATER = NOW + 3_600_000


def store(path: Path) -> DiskStore[Message]:
    return DiskStore(path, 2, MESSAGES, keep=True)


def message(name: str, due_ms: int) -> Message:
    made = Message(message_key("acme", name), "acme", name)
    made.due_ms = made.longest_due_ms = due_ms
    return made


def filled(path: Path) -> DiskStore[Message]:
    """Ten messages, most of them on disk, half of them due soon."""
    made = store(path)
    assert made.due(NOW) == []
    for number in range(10):
        one = message(f"m{number}", SOON if number % 2 else LATER)
        made.put(one)
        made.schedule(one)
        made.spill()
    assert len(made.messages) < 5
    return made


def names(keys: list[str]) -> set[str]:
    return {key.partition("\x00")[2] for key in keys}


def test_what_was_due_soon_is_still_due_after_a_clean_close(tmp_path: Path) -> None:
    filled(tmp_path / "p").close(checkpoint=["note"])
    again = store(tmp_path / "p")
    assert again.checkpoint == ["note"]
    assert names(again.due(SOON)) == {"m1", "m3", "m5", "m7", "m9"}
    assert names(again.due(LATER)) == {"m0", "m2", "m4", "m6", "m8"}


def test_a_checkpoint_holds_for_one_start_only(tmp_path: Path) -> None:
    filled(tmp_path / "p").close(checkpoint=["note"])
    taken = store(tmp_path / "p")
    assert taken.get(message_key("acme", "m1")) is not None
    taken._cold._txn.commit()
    taken._cold._env.close()  # as a kill would: no word about how far it goes
    again = store(tmp_path / "p")
    assert again.checkpoint is None
    assert again.get(message_key("acme", "m1")) is None


def test_what_a_kill_left_on_disk_is_thrown_away(tmp_path: Path) -> None:
    killed = filled(tmp_path / "p")
    killed._cold._txn.commit()
    killed._cold._env.close()
    again = store(tmp_path / "p")
    assert again.checkpoint is None
    assert all(again.get(message_key("acme", f"m{number}")) is None for number in range(10))


def test_a_spoilt_checkpoint_is_as_none(tmp_path: Path) -> None:
    filled(tmp_path / "p").close(checkpoint=["note"])
    (tmp_path / "p" / "checkpoint").write_bytes(b"\xc1 half of")
    assert store(tmp_path / "p").checkpoint is None
