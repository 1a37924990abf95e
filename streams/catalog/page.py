"""The catalog for readers: tables in Markdown, and one code told in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.catalog.catalog import Catalog
from streams.catalog.dialect import ANSWER, ERR, SEPARATOR, TEXT, Dialect, Entry
from streams.catalog.flat import word_label
from streams.catalog.reasons import Reason

BEGIN = "<!-- tables: begin (made by `sms-streams catalog --update docs/catalog.md`) -->"
END = "<!-- tables: end -->"
LANGUAGES = ("en", "fr")

SIDES = {"report": "report", TEXT: "description beside a report", ERR: "error code beside a report", ANSWER: "answer"}
BILLED = {"en": "not told; counted where the provider took the message", "fr": "non précisé ; compté si pris en compte"}


def counts(dialect: Dialect) -> dict[str, int]:
    """Return the number of rows by side."""
    return {side: sum(entry.side == side for entry in dialect.entries) for side in ("report", TEXT, ERR, ANSWER)}


def written(entry: Entry) -> str:
    """Return the other ways to write a code, as in the file."""
    return ", ".join(word.strip() for word in entry.words.split(SEPARATOR) if word.strip())


def label(entry: Entry, language: str) -> str:
    """Return the label in a language."""
    return entry.label_fr if language == "fr" else entry.label_en


def explain(entry: Entry, reasons: Mapping[str, Reason], language: str) -> list[tuple[str, str]]:
    """Tell one row in words: pairs of a name and what there is to say."""
    reason = reasons[entry.reason][LANGUAGES.index(language)] if entry.reason else ""

    def told(kind: str, word: str) -> str:
        return f"{word}: {word_label(kind, word, language)}"

    return [
        ("as", f"{SIDES[entry.side]} {entry.code}"),
        ("label", label(entry, language)),
        ("status", f"{entry.status}, {'final' if entry.final == 'yes' else 'not final'}"),
        ("reason", f"{entry.reason}: {reason}" if entry.reason else "none"),
        ("class", told("class", entry.reason_class)),
        ("recipient", told("action", entry.recipient_action)),
        ("billed", told("billed", entry.billed) if entry.billed else BILLED[language]),
        ("colour", entry.colour or "none"),
        ("also written", written(entry) or "no other way"),
        ("source", entry.source),
    ]


def markdown(catalog: Catalog, names: Iterable[str]) -> str:
    """Return the tables of some dialects, reports first; and the reasons that they use."""
    names = list(names)
    used = {entry.reason for name in names for entry in catalog.dialects[name]}
    parts = [_dialect(catalog.files[name]) for name in names]
    return "\n".join([*parts, _reasons(catalog, used)])


def with_tables(page: str, tables: str) -> str:
    """Return a page with the tables between its marks; ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there must be the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


_TABLES = (
    ("report", "Reports"),
    (TEXT, "Descriptions beside a report's code"),
    (ERR, "Error codes beside a report's code"),
    (ANSWER, "Answers"),
)


def _dialect(dialect: Dialect) -> str:
    lines = [f"### {dialect.name}", "", f"{dialect.title}.", ""]
    if dialect.base:
        lines += [f"Codes that are not here are those of `{dialect.base}`.", ""]
    if dialect.errors:
        lines += [f"Error codes that are not here are those of `{dialect.errors}`.", ""]
    for side, name in _TABLES:
        rows = [entry for entry in dialect.entries if entry.side == side]
        if rows:
            radix = ", hexadecimal when they come" if side == ERR and dialect.err_hexadecimal else ""
            lines += [f"{name}{radix}:", "", *_table(rows), ""]
    return "\n".join(lines)


def _table(rows: Iterable[Entry]) -> list[str]:
    heads = ["code", "also written", "status", "final", "reason", "class", "recipient", "billed", "colour"]
    lines = [_line([*heads, "English", "French"]), _line(["---"] * (len(heads) + 2))]
    for e in rows:
        code = " or ".join(f"`{code}`" for code in e.code.split(SEPARATOR))
        cells = [code, written(e), e.status, e.final, e.reason, e.reason_class, e.recipient_action]
        lines.append(_line([*cells, e.billed, e.colour, e.label_en, e.label_fr]))
    return lines


def _reasons(catalog: Catalog, used: set[str]) -> str:
    told = [(name, reason) for name, reason in sorted(catalog.reasons.items()) if name in used]
    rows = [
        [f"`{name}`", r.label_en, r.label_fr, r.reason_class, r.recipient_action, "yes" if r.generic else ""]
        for name, r in told
    ]
    heads = ["reason", "English", "French", "class", "recipient", "an error code may say more"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    return "\n".join(["### Reasons", "", *lines, *map(_line, rows), ""])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
