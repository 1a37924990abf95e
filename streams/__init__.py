"""sms-streams: what happened to every SMS, joined from its events, exactly once."""

__version__ = "0.1.0"
