"""What a worker runs: its topics, its core, its state. `correlate` and `resolve` are two of them, on one runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from streams.codec.schemas import Registry
from streams.correlator.health import Told
from streams.correlator.streamtime import StreamTime
from streams.runtime.stats import Stats
from streams.settings import CorrelateSettings, ResolveSettings


class Item(Protocol):
    """One piece of state; ``due_ms`` and ``longest_due_ms`` as in `streams.correlator.message.Message`."""

    key: str
    due_ms: int
    longest_due_ms: int

    def pack(self) -> tuple[Any, ...]:
        """Return it as values that msgpack knows."""


T = TypeVar("T", bound=Item)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of state: how it comes back from what `pack` gave, and the number of that format."""

    unpack: Callable[[Any], T]
    format: int


class Delta(Protocol):
    """What a step changed and puts out."""

    events: int
    timeouts: int
    duplicates: int
    orphans: list[Any]
    changed: dict[str, Any]
    dropped: list[str]

    def merge(self, later: Self) -> None:
        """Add what a later step of the same partition changed."""


class Core(Protocol):
    """A pure core at work on one partition."""

    def step(self, events: list[Any], read_at_ms: int) -> Any:
        """Take in events and return the `Delta`; `read_at_ms` is the wall clock's time."""

    def advance_to(self, stream_time_ms: int) -> Any:
        """Move stream time and return the `Delta`."""


class Source(NamedTuple):
    """An input topic: whose schema its values have (the topic of that name), and what its records become."""

    topic: str
    schema: str
    make: Callable[[Any], Any] | None = None


class Beside(Protocol):
    """State of a partition beside its items, with records of its own in the changelog."""

    prefix: bytes
    """What the keys of its records begin with, and those of the items' segments do not."""

    def end_step(self, now_ms: int) -> Told | None:
        """A step has moved stream time to `now_ms`: return what is to be told."""

    def still(self, now_ms: int) -> Told | None:
        """Return what is to be told of a partition in good hands that stands still at stream time `now_ms`."""

    def records(self, now_ms: int) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the changelog records of a batch that ended at stream time `now_ms`."""

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in a changelog record."""

    def restored(self, now_ms: int) -> None:
        """All records are taken in; stream time is `now_ms`."""

    def note(self) -> Any:
        """Return what a checkpoint must remember."""

    def recall(self, note: Any) -> None:
        """Take back what `note` gave."""


class NothingBeside:
    """For a processor that has no such state."""

    prefix = b"\xff"

    def end_step(self, now_ms: int) -> None:
        """Nothing is to be told."""

    def still(self, now_ms: int) -> None:
        """Nothing is to be told."""

    def records(self, now_ms: int) -> Iterator[tuple[bytes, bytes | None]]:
        """Nothing changed."""
        return iter(())

    def restore(self, key: bytes, value: bytes | None) -> None:
        """No record has this prefix."""

    def restored(self, now_ms: int) -> None:
        """Nothing was."""

    def note(self) -> Any:
        """Nothing to remember."""
        return None

    def recall(self, note: Any) -> None:
        """Nothing to take back."""


@dataclass(slots=True)
class Work:
    """What a batch made of one partition: ``events`` went in, ``delta`` and the dead letters come out.

    ``told`` is what the state beside the items has to tell.

    ``indexed`` is how many records of the receipt index it gave, once they are written.
    """

    partition: Any
    events: list[Any]
    delta: Any
    dead: list[Any]
    told: Told | None
    indexed: int = 0


MakeCore = Callable[[Any, StreamTime, int, int], tuple[Core, Beside]]
"""From the store, the stream time, the partition's number and how many there are; and what the core keeps beside."""


@dataclass(frozen=True)
class Processor:
    """``joined``: topics that need the inputs' number of partitions; ``others``: topics that must be there besides.

    ``count`` adds to the counters what only this processor has.
    """

    name: str
    own: CorrelateSettings | ResolveSettings
    sources: Sequence[Source]
    changelog: str
    joined: Sequence[str]
    others: Sequence[str]
    kind: Kind[Any]
    core: MakeCore
    output: Callable[[Registry | None, str], Any]
    count: Callable[[Stats, Work], None]
