"""When marketing may be sent, by the law of the recipient's country, in that country's time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

_MONDAY_TO_SATURDAY = (0, 1, 2, 3, 4, 5)


class Hours(NamedTuple):
    """Marketing to ``country`` is permitted on ``days`` (0 Monday to 6 Sunday) from ``starts`` until before ``ends``.

    Local time in ``zone``; not on public holidays of ``holidays`` (a country of the library *holidays*, with
    ``region`` where it has any; empty: no holidays are looked at).
    """

    country: str
    zone: str
    days: tuple[int, ...] = _MONDAY_TO_SATURDAY
    starts: time = time(8)
    ends: time = time(20)
    holidays: str = ""
    region: str = ""

    def forbids(self, at_ms: int) -> str:
        """Tell why marketing is not permitted at a time (epoch milliseconds UTC); empty: it is."""
        local = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(ZoneInfo(self.zone))
        if self.holidays and (name := _holidays(self.holidays, self.region, local.year).get(local.date())):
            return f"on a public holiday ({name})"
        if local.weekday() not in self.days:
            return f"on a {local:%A}"
        if not self.starts <= local.time() < self.ends:
            return f"at {local:%H:%M} local time"
        return ""


@lru_cache(maxsize=256)
def _holidays(country: str, region: str, year: int) -> dict[date, str]:
    return dict(holidays.country_holidays(country, subdiv=region or None, years=year, language="en_US").items())


FRENCH_HOURS = (
    Hours("FR", "Europe/Paris", holidays="FR"),
    Hours("GP", "America/Guadeloupe", holidays="FR", region="971"),
    Hours("MQ", "America/Martinique", holidays="FR", region="972"),
    Hours("GF", "America/Cayenne", holidays="FR", region="973"),
    Hours("RE", "Indian/Reunion", holidays="FR", region="974"),
    Hours("YT", "Indian/Mayotte", holidays="FR", region="976"),
)
"""France and its overseas departments, whose numbers have country codes of their own: Monday to Saturday, 8 to 20 h."""
