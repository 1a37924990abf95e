"""`topics` and `simulate`."""

from __future__ import annotations

COMMANDS = ()
