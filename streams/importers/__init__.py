"""Logs of gateways turned into events. Pure: no files, no clock; the shell is in ``streams.apps``."""
