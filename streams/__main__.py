"""``python -m streams`` is the command ``sms-streams``."""

from streams.cli import main

main()
