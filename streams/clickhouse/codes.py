"""The catalog in ClickHouse: tables filled from it, and dictionaries over them, so that SQL can say what codes mean."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping

import pyarrow as pa

from streams.catalog import Catalog
from streams.catalog.flat import CODE_COLUMNS, code_rows, label_rows
from streams.clickhouse.backend import DATABASE, Database, DatabaseError
from streams.clickhouse.migrate import Say, migrations
from streams.settings import Settings

_TABLES = ("catalog_codes", "catalog_labels", "catalog_providers")
_MIGRATION = "0010_catalog"
_READER = "sms_dictionary_reader"
_NO_ACCESS = (497, 514, 648, 723)  # no privilege; no writable access storage


def load_codes(db: Database, settings: Settings, say: Say = lambda _: None) -> bool:
    """Bring the tables of the catalog up to date; returns whether anything was to be done.

    They are filled beside the old ones and then exchanged, so a query sees the old or the new, never a part.
    """
    catalog = settings.catalog
    providers = {"": settings.default_policy.dialect}
    providers |= {name: policy.dialect for name, policy in settings.policies.items()}
    checksum = _checksum(catalog, providers)
    if db.query(f"SELECT DISTINCT checksum FROM {DATABASE}.catalog_codes").rows == [(checksum,)]:
        return False
    codes = list(code_rows(catalog))
    columns = dict(zip(CODE_COLUMNS, map(list, zip(*codes, strict=True)), strict=True))
    _replace(db, "catalog_codes", columns | {"checksum": [checksum] * len(codes)}, checksum)
    kinds, words, english, french = map(list, zip(*label_rows(catalog), strict=True))
    labels = {"kind": kinds, "word": words, "label_en": english, "label_fr": french}
    _replace(db, "catalog_labels", labels, checksum)
    _replace(db, "catalog_providers", {"provider": list(providers), "dialect": list(providers.values())}, checksum)
    _reload(db)
    say(f"catalog: {len(catalog.files)} dialects, {len(codes)} spellings of codes")
    return True


def let_dictionaries_read(db: Database, say: Say = lambda _: None) -> bool:
    """On a server, give the dictionaries a user of their own that may read their tables and nothing else.

    Without one they read as the user ``default``, whom a server that is set up with care does not have. The user can
    only log in from the server itself, its password is made here and known to the dictionaries alone. Where users
    cannot be managed, nothing is changed. Returns whether it was done.
    """
    password = secrets.token_hex(32)
    identified = f"IDENTIFIED WITH sha256_hash BY '{hashlib.sha256(password.encode()).hexdigest()}' HOST LOCAL"
    statements = [f"CREATE USER IF NOT EXISTS {_READER} {identified}", f"ALTER USER {_READER} {identified}"]
    statements += [f"GRANT SELECT ON {DATABASE}.{table} TO {_READER}" for table in _TABLES]
    try:
        for statement in statements:
            db.execute(statement)
    except DatabaseError as error:
        if error.code not in _NO_ACCESS:
            raise
        return False
    for statement in _dictionaries().values():
        created = statement.replace("CREATE DICTIONARY IF NOT EXISTS", "CREATE OR REPLACE DICTIONARY", 1)
        db.execute(created.replace("CLICKHOUSE(", f"CLICKHOUSE(USER '{_READER}' PASSWORD '{password}' ", 1))
    say(f"dictionaries read their tables as {_READER}")
    return True


def _reload(db: Database) -> None:
    """Let the dictionaries read now; who may not ask for it waits for their lifetime, two minutes at most."""
    try:
        for name in _dictionaries():
            db.execute(f"SYSTEM RELOAD DICTIONARY {DATABASE}.{name}")
    except DatabaseError as error:
        if error.code not in _NO_ACCESS:
            raise


def _dictionaries() -> dict[str, str]:
    """Return the statements that make the dictionaries, by name, from the migration."""
    (migration,) = (one for one in migrations() if one.name == _MIGRATION)
    found = {}
    for statement in migration.statements:
        named = re.match(rf"CREATE DICTIONARY IF NOT EXISTS {DATABASE}\.(\w+)", statement)
        if named is not None:
            found[named[1]] = statement
    return found


def _replace(db: Database, table: str, columns: Mapping[str, list[str]], token: str) -> None:
    new = f"{DATABASE}.{table}_next"
    db.execute(f"DROP TABLE IF EXISTS {new}")
    db.execute(f"CREATE TABLE {new} AS {DATABASE}.{table}")
    batch = pa.RecordBatch.from_pydict({name: pa.array(values, pa.string()) for name, values in columns.items()})
    db.insert(new, batch, f"{table}-{token}")
    db.execute(f"EXCHANGE TABLES {DATABASE}.{table} AND {new}")
    db.execute(f"DROP TABLE {new}")


def _checksum(catalog: Catalog, providers: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for part in _parts(catalog, providers):
        digest.update(repr(part).encode())
    return digest.hexdigest()


def _parts(catalog: Catalog, providers: Mapping[str, str]) -> Iterable[object]:
    yield from catalog.files.values()
    yield sorted(catalog.reasons.items())
    yield list(label_rows(catalog))
    yield sorted(providers.items())
