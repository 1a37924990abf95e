"""A ClickHouse server for tests: the native TCP protocol in front of the embedded engine (chdb).

    python chserver.py DIRECTORY PORT [PASSWORD]

It speaks what clickhouse-driver needs, up to revision 54459 (server-side parameters), without compression, one query
at a time. The engine behind it is the real one, so what the tables do is real; only the wire is imitated. Kill it to
see what a client does when the server goes away: what was acknowledged is on disk.
"""

from __future__ import annotations

import re
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from chdb import session as chdb_session

REVISION = 54459
HELLO, QUERY, DATA, CANCEL, PING = range(5)
S_HELLO, S_DATA, S_EXCEPTION, S_PROGRESS, S_PONG, S_END = range(6)
S_PROFILE_EVENTS = 14
AUTHENTICATION_FAILED, NOT_IMPLEMENTED = 516, 48
BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"

WIDTHS = {
    **dict.fromkeys(["UInt8", "Int8", "Bool", "Enum8", "Nothing"], 1),
    **dict.fromkeys(["UInt16", "Int16", "Enum16", "Date"], 2),
    **dict.fromkeys(["UInt32", "Int32", "Float32", "Date32", "DateTime", "IPv4", "Decimal32"], 4),
    **dict.fromkeys(["UInt64", "Int64", "Float64", "DateTime64", "Decimal64"], 8),
    **dict.fromkeys(["UUID", "IPv6", "Int128", "UInt128", "Decimal128"], 16),
    **dict.fromkeys(["Int256", "UInt256", "Decimal256"], 32),
}
INSERT = re.compile(r"^\s*INSERT\s+INTO\s+([\w.`]+)\s*(\([^)]*\))\s*VALUES\s*$", re.IGNORECASE)
RETURNS_ROWS = re.compile(r"^\s*\(*\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b", re.IGNORECASE)


class Column(NamedTuple):
    """A column of a block: name, type, and its data as they are on the wire."""

    name: str
    kind: str
    data: bytes


class Reader:
    """Reads the protocol's values from a source of bytes, and can hand out again what it read."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._buffer = bytearray()
        self.position = 0

    def take(self, size: int) -> bytes:
        while len(self._buffer) - self.position < size:
            data = self._more()
            if not data:
                raise EOFError
            self._buffer += data
        self.position += size
        return bytes(self._buffer[self.position - size : self.position])

    def varint(self) -> int:
        result = shift = 0
        while True:
            byte = self.take(1)[0]
            result |= (byte & 127) << shift
            if byte < 128:
                return result
            shift += 7

    def text(self) -> str:
        return self.take(self.varint()).decode("utf-8", "surrogateescape")

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def since(self, start: int) -> bytes:
        return bytes(self._buffer[start : self.position])

    def forget(self) -> None:
        """Drop what was read."""
        del self._buffer[: self.position]
        self.position = 0


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    return varint(len(data)) + data


def arguments(kind: str) -> tuple[str, list[str]]:
    """Split a type into its name and its arguments: ``Map(String, Int8)`` -> ``Map``, ``[String, Int8]``."""
    name, _, rest = kind.partition("(")
    found, depth, current, quoted = [], 0, "", False
    for char in rest[:-1]:
        quoted ^= char == "'"
        depth += 0 if quoted else (char == "(") - (char == ")")
        if char == "," and depth == 0 and not quoted:
            found.append(current.strip())
            current = ""
        else:
            current += char
    return name, [*found, current.strip()] if current.strip() else found


def skip_prefix(reader: Reader, kind: str) -> None:
    """Read past what comes before a column's data."""
    name, inner = arguments(kind)
    if name == "LowCardinality":
        reader.take(8)
    elif name in ("Array", "Nullable", "Map", "Tuple"):
        for part in inner:
            skip_prefix(reader, unnamed(part))


def unnamed(part: str) -> str:
    """Drop the name of a tuple's element."""
    return part.split(" ", 1)[1] if " " in part.split("(", 1)[0] else part


def skip_data(reader: Reader, kind: str, rows: int) -> None:
    """Read past the data of `rows` values of a type."""
    name, inner = arguments(kind)
    if rows == 0:
        return
    if name in WIDTHS:
        reader.take(WIDTHS[name] * rows)
    elif name == "String":
        for _ in range(rows):
            reader.take(reader.varint())
    elif name == "FixedString":
        reader.take(int(inner[0]) * rows)
    elif name == "Decimal":
        digits = int(inner[0])
        reader.take(rows * (4 if digits < 10 else 8 if digits < 19 else 16 if digits < 39 else 32))
    elif name == "Nullable":
        reader.take(rows)
        skip_data(reader, inner[0], rows)
    elif name in ("Array", "Map"):
        total = int.from_bytes(reader.take(8 * rows)[-8:], "little")
        for part in inner:
            skip_data(reader, part, total)
    elif name == "Tuple":
        for part in inner:
            skip_data(reader, unnamed(part), rows)
    elif name == "LowCardinality":
        skip_dictionary(reader, inner[0])
    else:
        raise ValueError(f"the test server does not know the type {kind}")


def skip_dictionary(reader: Reader, kind: str) -> None:
    """Read past a LowCardinality column: flags, dictionary, indexes."""
    flags = reader.number(8)
    if flags & 512:
        skip_data(reader, kind.removeprefix("Nullable(").removesuffix(")"), reader.number(8))
    reader.take(reader.number(8) << (flags & 3))


def read_block(reader: Reader, *, wire: bool) -> tuple[int, list[Column]]:
    """Read a block: from the `wire`, where each column says how it is serialised, or as FORMAT Native."""
    width, rows = reader.varint(), reader.varint()
    columns = []
    for _ in range(width):
        name, kind = reader.text(), reader.text()
        if wire and reader.take(1) != b"\0":
            raise ValueError("custom serialisation")
        start = reader.position
        if rows:
            skip_prefix(reader, kind)
            skip_data(reader, kind, rows)
        columns.append(Column(name, kind, reader.since(start)))
    return rows, columns


def block(rows: int, columns: list[Column], *, wire: bool) -> bytes:
    flag = b"\0" if wire else b""
    body = b"".join(text(column.name) + text(column.kind) + flag + column.data for column in columns)
    return varint(len(columns)) + varint(rows) + body


def blocks(native: bytes) -> Iterator[tuple[int, list[Column]]]:
    """Split what FORMAT Native gave into its blocks."""
    chunks = iter([native])
    reader = Reader(lambda: next(chunks, b""))
    while reader.position < len(native):
        yield read_block(reader, wire=False)


class Engine:
    """The embedded engine, one query at a time, with a client's database and settings."""

    def __init__(self, directory: str) -> None:
        open_session: Any = chdb_session.Session
        self.session = open_session(directory)
        self.session.query("CREATE DATABASE IF NOT EXISTS default")
        self._lock = threading.Lock()

    def run(self, database: str, settings: dict[str, str], work: Callable[[Any], Any]) -> Any:
        with self._lock:
            self.session.query(f"USE `{database}`")
            try:
                for name, value in settings.items():
                    self.session.query(f"SET {name} = '{value}'")
                return work(self.session)
            finally:
                for name in settings:
                    self.session.query(f"SET {name} = DEFAULT")


class Connection(socketserver.BaseRequestHandler):
    """One client."""

    server: Server
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(lambda: self.request.recv(1 << 18))
        self.database = "default"
        try:
            if self.hello():
                while self.packet():
                    self.reader.forget()
        except (EOFError, ConnectionError):
            return

    def hello(self) -> bool:
        reader = self.reader
        if reader.varint() != HELLO:
            return False
        reader.text(), reader.varint(), reader.varint(), reader.varint()
        self.database = reader.text() or "default"
        _user, password = reader.text(), reader.text()
        if password != self.server.password:
            self.fail(AUTHENTICATION_FAILED, "Authentication failed: password is incorrect")
            return False
        versions = varint(26) + varint(9) + varint(REVISION)
        self.send(S_HELLO, text("ClickHouse") + versions + text("UTC") + text("tests") + varint(1))
        reader.text()  # the addendum: a quota key
        return True

    def packet(self) -> bool:
        kind = self.reader.varint()
        if kind == PING:
            self.send(S_PONG)
        elif kind == QUERY:
            self.query()
        elif kind == DATA:
            self.data()
        return kind in (PING, QUERY, DATA, CANCEL)

    def query(self) -> None:
        reader = self.reader
        reader.text()
        self.client_info()
        settings = dict(self.settings())
        reader.text(), reader.varint()
        compressed, sql = reader.varint(), reader.text()
        params = {name: value[1:-1].replace("\\\\", "\\").replace("\\'", "'") for name, value in self.settings()}
        try:
            if compressed:
                raise ValueError("the test server does not take compressed data")
            reader.varint(), self.data()  # the end of external tables
            insert = INSERT.match(sql)
            if insert:
                self.insert(insert.group(1), insert.group(2), settings)
            else:
                self.select(sql, settings, params)
            self.send(S_END)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            code = re.search(r"Code: (\d+)", str(error))
            self.fail(int(code.group(1)) if code else NOT_IMPLEMENTED, str(error))

    def client_info(self) -> None:
        reader = self.reader
        if not reader.number(1):
            return
        reader.text(), reader.text(), reader.text(), reader.take(8), reader.take(1)
        reader.text(), reader.text(), reader.text(), reader.varint(), reader.varint(), reader.varint()
        reader.text(), reader.varint(), reader.varint()
        if reader.number(1):  # a trace context
            reader.take(24), reader.text(), reader.take(1)
        reader.varint(), reader.varint(), reader.varint()

    def settings(self) -> Iterator[tuple[str, str]]:
        while name := self.reader.text():
            self.reader.varint()
            yield name, self.reader.text()

    def data(self) -> tuple[int, list[Column]]:
        """Read a block from the client."""
        self.reader.text()
        while field := self.reader.varint():
            self.reader.take(1 if field == 1 else 4)
        return read_block(self.reader, wire=True)

    def select(self, sql: str, settings: dict[str, str], params: dict[str, str]) -> None:
        engine = self.server.engine
        if not RETURNS_ROWS.match(sql):
            engine.run(self.database, settings, lambda session: session.query(sql, params=params or None))
            use = re.match(r"\s*USE\s+`?(\w+)", sql, re.IGNORECASE)
            self.database = use.group(1) if use else self.database
            return
        native: bytes = engine.run(
            self.database,
            settings,
            lambda session: session.query(sql, "Native", params=params or None).bytes(),
        )
        headed = False
        for rows, columns in blocks(native):
            if not headed:
                self.block(0, [column._replace(data=b"") for column in columns])
                headed = True
            self.block(rows, columns)
        if not headed:
            self.block(0, self.header(f"({sql})", settings, params, None))

    def insert(self, table: str, names: str, settings: dict[str, str]) -> None:
        wanted = [name.strip(" `\n") for name in names[1:-1].split(",")]
        self.block(0, self.header(table, {}, {}, wanted))
        received = []
        while True:
            if self.reader.varint() != DATA:
                raise EOFError
            rows, columns = self.data()
            if not rows:
                break
            received.append(block(rows, columns, wire=False))
            self.block(0, [], S_PROFILE_EVENTS)
        if received:
            self.server.engine.run(self.database, settings, lambda session: write(session, table, names, received))
        self.block(0, [], S_PROFILE_EVENTS)

    def header(
        self, what: str, settings: dict[str, str], params: dict[str, str], wanted: list[str] | None
    ) -> list[Column]:
        sql = f"DESCRIBE TABLE {what}"
        described: bytes = self.server.engine.run(
            self.database, settings, lambda session: session.query(sql, "TSVRaw", params=params or None).bytes()
        )
        columns = [line.split("\t") for line in described.decode().splitlines()]
        kinds = {column[0]: column[1] for column in columns}
        return [Column(name, kinds[name], b"") for name in wanted or kinds]

    def block(self, rows: int, columns: list[Column], kind: int = S_DATA) -> None:
        self.send(kind, b"\0" + BLOCK_INFO + block(rows, columns, wire=True))

    def fail(self, code: int, message: str) -> None:
        self.send(S_EXCEPTION, code.to_bytes(4, "little") + text("DB::Exception") + text(message) + text("") + b"\0")

    def send(self, kind: int, body: bytes = b"") -> None:
        self.request.sendall(varint(kind) + body)


def write(session: Any, table: str, names: str, received: list[bytes]) -> None:
    inserter = session.send_insert(f"INSERT INTO {table} {names}", "Native")
    for data in received:
        inserter.append(data)
    inserter.finish()


class Server(socketserver.ThreadingTCPServer):
    """The server, with the engine that all clients share."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, directory: str, port: int, password: str = "") -> None:
        self.engine = Engine(directory)
        self.password = password
        super().__init__(("127.0.0.1", port), Connection)


if __name__ == "__main__":
    with Server(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4]) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
