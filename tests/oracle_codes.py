"""What SMPP's codes mean, for the oracle: a small table of its own, so that the catalog is checked too.

One line for each code: the catalog must give the same words. Values of command_status: SMPP 3.4, 5.1.3.
"""

from __future__ import annotations

from tests.oracle_facts import AnswerOutcome, ReportOutcome

# value, name: kind, reason, reason class, recipient action
ANSWERS: dict[tuple[int, str], AnswerOutcome] = {
    (0x00, "ESME_ROK"): AnswerOutcome("ok", "", "none", "keep"),
    (0x14, "ESME_RMSGQFUL"): AnswerOutcome("temporary", "queue_full", "temporary", "retry"),
    (0x58, "ESME_RTHROTTLED"): AnswerOutcome("temporary", "throttled", "temporary", "retry"),
    (0x64, "ESME_RX_T_APPN"): AnswerOutcome("temporary", "temporary_error", "temporary", "retry"),
    (0x01, "ESME_RINVMSGLEN"): AnswerOutcome("permanent", "invalid_content", "permanent", "keep"),
    (0x0B, "ESME_RINVDSTADR"): AnswerOutcome("permanent", "invalid_recipient", "permanent", "remove"),
    (0x0A, "ESME_RINVSRCADR"): AnswerOutcome("permanent", "invalid_sender", "sender", "keep"),
    (0x0E, "ESME_RINVPASWD"): AnswerOutcome("permanent", "account_problem", "sender", "keep"),
    (0x08, "ESME_RSYSERR"): AnswerOutcome("permanent", "system_error", "undetermined", "retry"),
    (0x45, "ESME_RSUBMITFAIL"): AnswerOutcome("permanent", "submit_failed", "undetermined", "retry"),
    (0xFE, "ESME_RDELIVERYFAILURE"): AnswerOutcome("permanent", "delivery_failure", "undetermined", "retry"),
    (0xFF, "ESME_RUNKNOWNERR"): AnswerOutcome("permanent", "unknown_error", "undetermined", "retry"),
}
UNKNOWN_ANSWER = AnswerOutcome("unknown", "unknown_code", "undetermined", "keep")

# stat word: status, final, reason, reason class, recipient action, billed, known
REPORTS: dict[str, ReportOutcome] = {
    "DELIVRD": ReportOutcome("delivered", True, "", "none", "keep", True, True),
    "EXPIRED": ReportOutcome("failed", True, "expired", "temporary", "retry", None, True),
    "DELETED": ReportOutcome("failed", True, "deleted", "undetermined", "keep", None, True),
    "UNDELIV": ReportOutcome("failed", True, "undeliverable", "undetermined", "retry", None, True),
    "REJECTD": ReportOutcome("failed", True, "rejected", "permanent", "keep", False, True),
    "ACCEPTD": ReportOutcome("accepted", False, "", "none", "keep", None, True),
    "ENROUTE": ReportOutcome("enroute", False, "", "none", "keep", None, True),
    "BUFFRED": ReportOutcome("enroute", False, "", "none", "keep", None, True),
    "UNKNOWN": ReportOutcome("enroute", False, "unknown", "undetermined", "keep", None, True),
}
UNKNOWN_REPORT = ReportOutcome("enroute", False, "unknown_code", "undetermined", "keep", None, False)


class SmppCodes:
    """The same codes whatever the provider; an answer's code may be a name, hexadecimal or decimal."""

    def answer(self, provider: str, code: str) -> AnswerOutcome:
        for (value, name), outcome in ANSWERS.items():
            if code in (name, str(value), f"0x{value:08X}"):
                return outcome
        return UNKNOWN_ANSWER

    def report(self, provider: str, code: str, err: str, text: str) -> ReportOutcome:
        return REPORTS.get(code, UNKNOWN_REPORT)


class CodesWithUnconfirmed(SmppCodes):
    """As `SmppCodes`, and the words that SMPP has no code for but other dialects do.

    ``POSTED``: no confirmation will come (MediasFlow 10, TP-Status 01); ``LOST``: final, but nobody knows.
    Provider p3 has a dialect of its own, in which ``UNDELIV`` is not final.
    """

    def report(self, provider: str, code: str, err: str, text: str) -> ReportOutcome:
        if code == "POSTED":
            return ReportOutcome("sent_without_sr", True, "", "none", "keep", True, True)
        if code == "LOST":
            return ReportOutcome("failed", True, "unknown", "undetermined", "keep", None, True)
        if code == "UNDELIV" and provider == "p3":
            return ReportOutcome("enroute", False, "absent", "temporary", "retry", None, True)
        return super().report(provider, code, err, text)
