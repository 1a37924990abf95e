"""`import kannel`, `import jasmin`."""

from __future__ import annotations

COMMANDS = ()
