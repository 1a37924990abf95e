"""A webhook's body, whatever its notation, as one tree of objects, lists and texts; and looking things up in it.

JSON, XML, form fields, multipart fields and query strings are told apart by how they look, not by the content type,
which vendors set wrongly or leave out. Numbers stay the texts they were (``007``, ``1.0``, thirty digits).
Linear in the size of the body; nesting is bounded; a document type in XML is refused, and with it every entity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote_plus
from xml.parsers import expat

Tree = Any
"""Objects (dict), lists, texts, booleans and None."""

MOST_FIELDS = 10_000
"""Fields of a form; more are no delivery reports."""
DEEPEST = 40
"""Levels of nesting."""
_LISTS_IN_LISTS = 3
_LONG_NAME = 80
"""Names of fields are few and short, so how they fold is remembered; not that of what somebody made up."""
_STRIPPED = "\ufeff\x00 \t\r\n"
_BLANKS = re.compile(r"[\s,]*")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)
_PART_NAME = re.compile(r'\bname="?([^";\r\n]*)', re.IGNORECASE)
_NOT_A_NAME = re.compile(r"[^0-9a-z@#\[\].]+")


class BodyError(ValueError):
    """A body that is in none of the notations, or broken; the message says what and where."""


def read_body(body: bytes | str, content_type: str = "") -> Tree:
    """Read a body; raise `BodyError` where there is nothing to read. A text in JSON quotes stands for what it holds."""
    text = body if isinstance(body, str) else _text(body, content_type)
    tree = _read(text)
    return _read(tree) if isinstance(tree, str) else tree


def read_wrapped(text: str) -> Tree:
    """Read a text inside a body (SNS's ``Message``, a form field with JSON); None where it is just a text."""
    if not text.strip(_STRIPPED).startswith(("{", "[", "<")):
        return None
    try:
        return _read(text)
    except BodyError:
        return None


def _text(body: bytes, content_type: str) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    said = _CHARSET.search(content_type)
    for encoding in (*([said[1]] if said else []), "utf-8", "cp1252"):
        try:
            return body.decode(encoding)
        except (LookupError, UnicodeError):
            continue
    return body.decode("latin-1")


def _read(text: str) -> Tree:
    text = text.strip(_STRIPPED)
    if not text:
        raise BodyError("the body is empty")
    first = text[0]
    if first in '{["':
        return _json(text)
    if first == "<":
        return read_xml(text)
    if text.startswith("--") and "form-data" in text[:1_000].lower():
        return _multipart(text)
    if text[:3].lower() in ("%7b", "%5b"):
        return _json(unquote_plus(text).strip(_STRIPPED))
    return fields(_form(text))


_JSON = json.JSONDecoder(strict=False, parse_int=str, parse_float=str, parse_constant=str)


def _json(text: str) -> Tree:
    """Read JSON, or several JSON values one after the other, which are a list."""
    found: list[Tree] = []
    end = 0
    try:
        while end < len(text):
            value, end = _JSON.raw_decode(text, end)
            found.append(value)
            end = _BLANKS.match(text, end).end()  # type: ignore[union-attr]  # it matches anywhere, with nothing too
    except json.JSONDecodeError as error:
        raise BodyError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise BodyError("not JSON: nested too deeply") from error
    return found[0] if len(found) == 1 else found


def _form(text: str) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(text.removeprefix("?"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError as error:
        raise BodyError(f"more than {MOST_FIELDS} fields") from error
    if not any(value for _, value in pairs):
        raise BodyError("neither JSON nor XML nor fields (name=value)")
    return pairs


def fields(pairs: list[tuple[str, str]]) -> Tree:
    """Return form fields as an object; a name that comes several times has a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(set(values)) == 1 else values for name, values in found.items()}


def _multipart(text: str) -> Tree:
    boundary = text.split("\n", 1)[0].strip()
    pairs = []
    for part in text.split(boundary)[1 : MOST_FIELDS + 1]:
        head, _, value = part.replace("\r\n", "\n").partition("\n\n")
        name = _PART_NAME.search(head)
        if name:
            pairs.append((name[1], value.removesuffix("\n")))
    if not pairs:
        raise BodyError("multipart without a field")
    return fields(pairs)


# ---- XML ---------------------------------------------------------------------------------------------------------


class _Builder:
    """Builds the tree: attributes and children are keys, an element with nothing but a text is that text."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = [("", self.root, [])]

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._open) > DEEPEST:
            raise BodyError("XML nested too deeply")
        self._open.append((_local(name), {_local(key): value for key, value in attributes.items()}, []))

    def text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, _: str) -> None:
        name, found, texts = self._open.pop()
        text = "".join(texts).strip()
        value: Any = found or text
        if found and text:
            found["#text"] = text
        parent = self._open[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _no_types(*_: Any) -> None:
    raise BodyError("XML with a document type: refused, delivery reports have none")


def read_xml(text: str) -> Tree:
    """Read XML as ``{root element: ...}``; raise `BodyError` where it is broken, too deep or has a document type."""
    parser = expat.ParserCreate("utf-8")
    builder = _Builder()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _no_types
    parser.EntityDeclHandler = _no_types
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise BodyError(f"not XML: {error}") from error
    return builder.root


# ---- looking up --------------------------------------------------------------------------------------------------


class Node:
    """A place in a tree: a value, and the object it stands in (None at the top)."""

    __slots__ = ("_folded", "parent", "value")

    def __init__(self, value: Tree, parent: Node | None = None) -> None:
        """Take the value and where it stands."""
        self.value = value
        self.parent = parent
        self._folded: dict[str, Any] | None = None

    def get(self, name: str) -> Tree:
        """Return what an object has under a name; the case, ``-``, ``_`` and blanks of names do not count."""
        if not isinstance(self.value, dict):
            return None
        if name in self.value:
            return self.value[name]
        if self._folded is None:
            self._folded = {}
            for key, value in self.value.items():
                self._folded.setdefault(fold_name(str(key)), value)
        return self._folded.get(fold_name(name))


def fold_name(name: str) -> str:
    """Fold a field's name: ``messageId``, ``message-id`` and ``MESSAGE_ID`` are one."""
    return _NOT_A_NAME.sub("", name.lower()) if len(name) > _LONG_NAME else _remembered(name)


@lru_cache(maxsize=4_096)
def _remembered(name: str) -> str:
    return _NOT_A_NAME.sub("", name.lower())


def find(node: Node, path: str) -> Iterator[Node]:
    """Yield the places a path leads to, in order.

    ``a.b`` goes down, every element of a list on the way is gone into, ``../a`` is beside the object we are in, ``/a``
    begins at the top, ``.`` and the empty path are here.
    """
    if path == ".":
        path = ""
    while path.startswith("../") or path == "..":
        if node.parent is None:
            return
        node, path = node.parent, path[3:]
    if path.startswith("/"):
        while node.parent is not None:
            node = node.parent
        path = path[1:]
    yield from _down(node, path)


def _down(node: Node, path: str, lists: int = 0) -> Iterator[Node]:
    if isinstance(node.value, list):
        for element in node.value if lists < _LISTS_IN_LISTS else ():
            yield from _down(Node(element, node.parent), path, lists + 1)
    elif not path:
        yield node
    else:
        whole = node.get(path) if "." in path else None  # form fields may have dots in their names
        if whole is not None:
            yield from _down(Node(whole, node), "")
            return
        name, _, rest = path.partition(".")
        value = node.get(name)
        if value is not None:
            yield from _down(Node(value, node), rest)


def words(node: Node, path: str) -> Iterator[str]:
    """Yield the texts a path leads to; blank ones, objects and nulls are left out, true and false are words."""
    for found in find(node, path):
        text = _word(found.value)
        if text:
            yield text


def word(node: Node, path: str) -> str | None:
    """Return the first text a path leads to, without surrounding blanks; None where there is none."""
    if isinstance(node.value, dict) and "." not in path and "/" not in path:  # most paths are a name
        value = node.get(path)
        if value is None or isinstance(value, str):
            return _word(value) or None
    return next(words(node, path), None)


def _word(value: Tree) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        value = value.get("#text")
    if not isinstance(value, str):
        return ""
    text = value.strip(_STRIPPED)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
