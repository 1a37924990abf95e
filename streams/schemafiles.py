"""Where the schema files are: the repository's ``schemas/`` in a checkout, else the packaged copy."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def schemas_dir() -> Path:
    """Return the folder that holds ``*.avsc``, ``topics.yaml`` and the examples."""
    packaged = _HERE / "_schemas"
    return packaged if packaged.is_dir() else _HERE.parent / "schemas"
