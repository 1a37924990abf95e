"""Whose a report is that knows only the provider's id: pure functions of index entries, receipts and stream time."""
