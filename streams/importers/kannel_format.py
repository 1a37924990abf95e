"""One line of the access log of Kannel's bearerbox, read by its format.

The default line is ``TIME EVENT [SMSC:..] [SVC:..] ... [flags:..] [msg:N:..] [udh:N:..]``; with an
``access-log-format`` it is another one, made of escape codes. Nothing in it is escaped, so the message's text is
read by its length: N counts the bytes of the message, which the log shows as they are (whatever is not printable
as a dot) or, for the codings 8-bit and UCS-2, as twice as many hexadecimal digits. Only where the length is missing
or does not fit (somebody shortened the line) the text ends where the rest can be read from the right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

DEFAULT_FORMATS = tuple(
    f"%l [SMSC:%i] [SVC:%n] {middle}[from:%p] [to:%P] [flags:%m:%c:%M:%C:%d] [msg:%L:%b] [udh:%U:%u]"
    for middle in (
        "[ACT:%A] [BINF:%B] [FID:%F] [META:%D] ",  # 1.4.4, 1.4.5, 1.5
        "[ACT:%A] [BINF:%B] [FID:%F] ",
        "[ACT:%A] [BINF:%B] ",
        "[ACT:%A] ",
        "",
    )
)
"""What Kannel writes without ``access-log-format``, newest version first."""

_NUMBERS = frozenset("mcMCdLUT")
_TEXTS = frozenset("ba")
_CODES = frozenset("lPpabLtTiIndRNDcmCMuUBAFxksSr%")
_FIELD_OF = {
    "l": "event",
    "i": "smsc",
    "n": "service",
    "A": "account",
    "B": "binfo",
    "F": "fid",
    "D": "meta",
    "p": "sender",
    "P": "recipient",
    "c": "coding",
    "d": "mask",
    "L": "octets",
    "u": "udh",
    "t": "created_text",
    "T": "created_s",
    "R": "url",
    "I": "uuid",
    "x": "box",
}
_TIME = "(?:(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) )?"
_SHAPES = {
    "l": "(?:Sent|DISCARDED|EXPIRED|(?:REJECTED|FAILED) Send|(?:FAILED )?Receive|DROPPED Received) (?:SMS|DLR)"
    "|REJECTED Receive SMS - [a-z-]+ SMS|.*?",
    "t": "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}|",
}
_TRIES = 16
_HEX_CODINGS = (1, 2)


class FormatError(ValueError):
    """An ``access-log-format`` that cannot be read back, and why."""


class Line(NamedTuple):
    """One line about a message. Text fields are empty, numbers None, where the format does not have them.

    ``time_text``: when Kannel wrote it, in the log's zone. ``octets``: length of the message in bytes.
    ``mask``: what reports were asked for; on a report its type. ``created_s``: epoch seconds.
    """

    event: str
    time_text: str = ""
    smsc: str = ""
    service: str = ""
    account: str = ""
    binfo: str = ""
    fid: str = ""
    meta: str = ""
    sender: str = ""
    recipient: str = ""
    coding: int | None = None
    mask: int | None = None
    octets: int | None = None
    text: str = ""
    udh: str = ""
    created_text: str = ""
    created_s: int | None = None
    url: str = ""
    uuid: str = ""
    box: str = ""
    doubtful: bool = False


class Format(NamedTuple):
    """A compiled format: what stands before the text, after it, and what the right part begins with."""

    left: re.Pattern[str]
    right: re.Pattern[str] | None
    right_start: str
    brackets: int
    order: Callable[[tuple[str, ...]], tuple[str, ...]]
    """Puts what the patterns caught, and the text, into the order of ``Line``."""


def compile_format(format: str, clean: bool = False) -> Format:
    """Make a reader of a format. ``clean``: ``access-log-clean`` was on, no time stands before the line."""
    tokens = _tokens(format)
    codes = [code for literal, code in tokens if not literal]
    if "l" not in codes:
        raise FormatError("the access-log-format has no %l, so its lines do not tell what happened: add %l")
    for (before, _), (after, code) in pairwise(tokens):
        if not before and not after:
            raise FormatError(f"the access-log-format has nothing before %{code}, so it cannot be read back")
    cut = next((at for at, (_, code) in enumerate(tokens) if code in _TEXTS), len(tokens))
    left, right = tokens[:cut], tokens[cut + 1 :]
    names: set[str] = set()
    pattern = ("" if clean else _TIME) + _pattern(left, names, cut == len(tokens))
    tail = None if cut == len(tokens) else re.compile(_pattern(right, names, True) or r"\Z", re.DOTALL)
    brackets = "".join(literal for literal, _ in left).count("] [")
    first = re.compile(pattern, re.DOTALL)
    return Format(first, tail, right[0][0] if right else "", brackets, _order(first, tail))


def _order(left: re.Pattern[str], right: re.Pattern[str] | None) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """Of (left groups, right groups, text, "") to the fields of ``Line``; the last stands for what is missing."""
    at = {name: group - 1 for name, group in left.groupindex.items()}
    after = left.groups
    if right is not None:
        at.update((name, after + group - 1) for name, group in right.groupindex.items())
        after += right.groups
    at.update({"text": after, "time_text": at.get("time", after + 1)})
    return itemgetter(*(at.get(name, after + 1) for name in Line._fields[:-1]))


def _tokens(format: str) -> list[tuple[str, str]]:
    """(literal, "") and ("", code) in turn; neighbouring literals joined."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(format):
        percent = format.find("%", at)
        literal = format[at : percent if percent >= 0 else len(format)]
        code = format[percent + 1 : percent + 2] if percent >= 0 else ""
        at = len(format) if percent < 0 else percent + 2
        if code == "%" or (code and code not in _CODES):
            literal, code = literal + ("%" if code == "%" else "%" + code), ""
        if literal:
            if tokens and tokens[-1][0]:
                literal = tokens.pop()[0] + literal
            tokens.append((literal, ""))
        if code:
            tokens.append(("", code))
    return tokens


def _pattern(tokens: list[tuple[str, str]], names: set[str], to_end: bool) -> str:
    """Each field runs to the next literal and never gives back (atomic groups): linear time."""
    out: list[str] = []
    at = 0
    while at < len(tokens):
        literal, code = tokens[at]
        following = re.escape(tokens[at + 1][0]) if at + 1 < len(tokens) else ""
        if literal:
            out.append(re.escape(literal))
        elif code in _NUMBERS:
            out.append(_group(code, "-?[0-9]*", names))
        elif following:
            out.append(f"(?>{_group(code, _SHAPES.get(code, '.*?'), names)}{following})")
            at += 1
        else:
            out.append(_group(code, ".*" if to_end else ".*?", names))
        at += 1
    return "".join(out) + (r"\Z" if to_end else "")


def _group(code: str, pattern: str, names: set[str]) -> str:
    name = _FIELD_OF.get(code)
    if name is None or name in names:
        return f"(?:{pattern})"
    names.add(name)
    return f"(?P<{name}>{pattern})"


def parse_line(raw: bytes, fmt: Format) -> Line | None:
    """Read one line (without its line end); None where it does not have the format."""
    line = raw.decode("latin-1")
    head = fmt.left.match(line)
    if head is None:
        return None
    text = ""
    rest: tuple[str, ...] = ()
    if fmt.right is not None:
        found = _text_end(line, head, fmt)
        if found is None:
            return None
        text, rest = line[head.end() : found.start()], found.groups("")
    values = fmt.order((*head.groups(""), *rest, text, ""))
    if not line.isascii():
        values = tuple(map(_decoded, values))
    doubtful = bool(fmt.brackets) and line.count("] [", 0, head.end()) > fmt.brackets
    return _line(values, doubtful)


def _text_end(line: str, head: re.Match[str], fmt: Format) -> re.Match[str] | None:
    """The part after the text: behind as many bytes as the line names, else the last place it can stand."""
    if fmt.right is None:
        return None
    start, names = head.end(), fmt.left.groupindex
    octets = head["octets"] if "octets" in names else ""
    coding = head["coding"] if "coding" in names else ""
    if octets.isdigit() and len(octets) < 10:
        length = int(octets)
        hexadecimal = coding.isdigit() and int(coding[:3]) in _HEX_CODINGS
        for size in (2 * length, length) if hexadecimal else (length, 2 * length):
            found = fmt.right.match(line, start + size)
            if found is not None:
                return found
    if not fmt.right_start:
        return fmt.right.match(line, len(line))
    at = len(line)
    for _ in range(_TRIES):
        at = line.rfind(fmt.right_start, start, at)
        found = fmt.right.match(line, at) if at >= 0 else None
        if at < 0 or found is not None:
            return found
    return None


def _line(values: tuple[str, ...], doubtful: bool) -> Line:
    """The numbers among the fields as numbers."""
    coding, mask, octets, created_s = (_number(values[at]) for at in (10, 11, 12, 16))
    return Line._make((*values[:10], coding, mask, octets, *values[13:16], created_s, *values[17:], doubtful))


def _number(value: str) -> int | None:
    """A number of at most 15 digits; -1 and the like are Kannel's "not set"."""
    return int(value) if value.isdigit() and len(value) < 16 else None


def _decoded(value: str) -> str:
    """The bytes behind the characters as UTF-8; where they are not, one character for each byte."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value
