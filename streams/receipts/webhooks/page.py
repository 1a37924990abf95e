"""The vendors as a table of the documentation."""

from __future__ import annotations

from collections.abc import Mapping

from streams.receipts.webhooks.vendor import Vendor

BEGIN = "<!-- vendors: begin (made by `sms-streams decode webhook --update docs/ingest.md`) -->"
END = "<!-- vendors: end -->"


def vendor_table(vendors: Mapping[str, Vendor]) -> str:
    """Return the vendors as a Markdown table, by name."""
    lines = ["| vendor | sends | checked | dialect | signature | remarks |", "|---|---|---|---|---|---|"]
    for name, vendor in sorted(vendors.items()):
        title = f"[{vendor.title}]({vendor.docs})" if vendor.docs else vendor.title
        checked = "yes" if vendor.checked else ""
        signature = f"`{vendor.signature or 'shared'}`"
        cells = (f"`{name}`", title, checked, f"`{vendor.dialect}`", signature, vendor.note)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells).rstrip() + " |")
    return "\n".join(lines) + "\n"


def with_vendors(page: str, vendors: Mapping[str, Vendor]) -> str:
    """Return a page with the table between its two marks made anew; raise ``ValueError`` where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there must be the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{vendor_table(vendors)}\n{END}{after}"
