"""`up` and `demo`: everything in one terminal."""

from __future__ import annotations

COMMANDS = ()
