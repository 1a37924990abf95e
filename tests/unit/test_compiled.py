"""Under `make test-compiled` the tests of the core run on the compiled core, not on the sources by mistake."""

from __future__ import annotations

import os
from pathlib import Path

from streams.codec import status
from streams.correlator import attempts, rules, shortcuts, step

FOLDER = Path("build") / "compiled"


def test_what_is_tested_is_what_was_asked_for() -> None:
    wanted = str(FOLDER) in os.environ.get("PYTHONPATH", "")
    found = {
        module.__name__: not str(module.__file__).endswith(".py")
        for module in (attempts, rules, shortcuts, step, status)
    }
    assert found == dict.fromkeys(found, wanted)
