"""Roles and users: who may load and migrate, who may read. Passwords come from the configuration, never from a file."""

from __future__ import annotations

import hashlib
import re

from streams.clickhouse.backend import DATABASE, Database, DatabaseError
from streams.clickhouse.migrate import Say

LOADER, ANALYST = "sms_loader", "sms_analyst"
_NOT_AVAILABLE = (497, 514, 648, 723)  # no privilege; no writable access storage

_GRANTS = (
    f"CREATE ROLE IF NOT EXISTS {LOADER}",
    f"GRANT SELECT, INSERT ON {DATABASE}.* TO {LOADER}",
    f"CREATE ROLE IF NOT EXISTS {ANALYST}",
    f"GRANT SELECT ON {DATABASE}.* TO {ANALYST}",
    f"GRANT dictGet ON {DATABASE}.* TO {LOADER}, {ANALYST}",
)


def grant(db: Database, say: Say = lambda _: None, *, loader_password: str = "", analyst_password: str = "") -> bool:
    """Make the roles, and a user of the same name for each role that has a password. Safe to run again.

    A password given again replaces the old one. Where access management is not to be had (the embedded engine, a user
    without the right) it says so and changes nothing. Returns whether it was done.
    """
    statements = [*_GRANTS]
    for name, password in ((LOADER, loader_password), (ANALYST, analyst_password)):
        statements += _user(name, password) if password else []
    try:
        for statement in statements:
            db.execute(statement)
    except DatabaseError as error:
        if error.code not in _NOT_AVAILABLE:
            raise
        say(
            f"roles and users left alone: {db.name} does not let this user manage access. On a server, use a user "
            "with access_management = 1; the embedded engine has no users"
        )
        return False
    say(f"roles {LOADER} (reads and inserts) and {ANALYST} (reads) are there")
    return True


def _user(name: str, password: str) -> list[str]:
    """Return the statements for a user with a role of the same name; only the hash of the password is in them."""
    user = f"{name}_user"
    digest = hashlib.sha256(password.encode()).hexdigest()
    assert re.fullmatch("[0-9a-f]{64}", digest)
    identified = f"IDENTIFIED WITH sha256_hash BY '{digest}'"
    return [
        f"CREATE USER IF NOT EXISTS {user} {identified} DEFAULT DATABASE {DATABASE}",
        f"ALTER USER {user} {identified}",
        f"GRANT {name} TO {user}",
        f"SET DEFAULT ROLE {name} TO {user}",
    ]
