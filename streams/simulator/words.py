"""Codes, ids and numbers as providers write them."""

from __future__ import annotations

from random import Random

from streams.simulator.config import Country, Provider

# command_status of SMPP 3.4: number and name
_NAMES = {
    0x00: "ESME_ROK",
    0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR",
    0x0B: "ESME_RINVDSTADR",
    0x14: "ESME_RMSGQFUL",
    0x45: "ESME_RSUBMITFAIL",
    0x58: "ESME_RTHROTTLED",
    0x66: "ESME_RX_R_APPN",
}
_TEMPORARY = (0x58, 0x58, 0x58, 0x14)
_PERMANENT = (0x0B, 0x0B, 0x0B, 0x0A, 0x66)
# receipt states with the error code that came with them
_FAILURES = (
    *(("UNDELIV", "001"),) * 4,
    *(("UNDELIV", "006"),) * 3,
    ("UNDELIV", "011"),
    *(("EXPIRED", "027"),) * 3,
    ("REJECTD", "088"),
    ("REJECTD", "105"),
    ("DELETED", "000"),
    ("UNKNOWN", "255"),
)
UNKNOWN_CODES = ("HLRFAIL", "0x0000055f", "QUARANTINED", "1375")
EXCLUSIONS = ("blacklist", "blacklist", "duplicate", "malformed", "destination_not_allowed", "no_credit", "too_long")


def code(status: int, provider: Provider) -> str:
    """Write a command_status the way this provider does."""
    if provider.code_form == "name":
        return _NAMES[status]
    return f"0x{status:08X}" if provider.code_form == "hex" else str(status)


def refusal(rng: Random, provider: Provider, *, temporary: bool) -> str:
    """Return the code of a refusal."""
    return code(rng.choice(_TEMPORARY if temporary else _PERMANENT), provider)


def failure(rng: Random) -> tuple[str, str]:
    """Return status word and error code of a final negative report."""
    return rng.choice(_FAILURES)


def provider_id(rng: Random, provider: Provider) -> str:
    """Return an id as this provider gives them."""
    if provider.id_form == "uuid":
        return uuid_text(rng)
    if provider.id_form == "decimal":
        return f"{rng.getrandbits(40):013d}"
    return f"{rng.getrandbits(64):016X}"


def receipt_id(id_: str, provider: Provider) -> str:
    """Write an id the way this provider's reports do."""
    if provider.receipt_id_form == "same" or provider.id_form == "uuid":
        return id_
    number = int(id_, 16 if provider.id_form == "hex" else 10)
    return str(number) if provider.receipt_id_form == "decimal" else f"{number:X}"


def uuid_text(rng: Random) -> str:
    """Return a random UUID (version 4 form)."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def phone_number(rng: Random, country: Country) -> str:
    """Return a number of that country in E.164."""
    pattern = rng.choice(country.numbers)
    fixed = pattern.rstrip("#")
    digits = len(pattern) - len(fixed)
    return f"{fixed}{rng.randrange(10**digits):0{digits}d}"


def number_in_sequence(country: Country, number: int) -> str:
    """Return the number that follows the first of a country by so many, in E.164."""
    pattern = country.numbers[0]
    fixed = pattern.rstrip("#")
    digits = len(pattern) - len(fixed)
    return f"{fixed}{(4 * 10 ** (digits - 1) + number) % 10**digits:0{digits}d}"
