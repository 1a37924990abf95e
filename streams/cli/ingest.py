"""`ingest`: the HTTP endpoint that vendors report to."""

from __future__ import annotations

import click

from streams.cli.context import Context, stop_flag


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0: any that is free.  [default: 8480]")
@click.pass_obj
def ingest(context: Context, host: str | None, port: int | None) -> None:
    """Receive vendors' webhooks over HTTP and write delivery reports to Kafka.

    Who may report is configured under [receipts.NAME]. A vendor is answered with success only after Kafka has
    acknowledged; where it has not, with 503, so that the vendor sends again. See docs/ingest.md.
    """
    from streams.apps.ingest import run_ingest

    run_ingest(context.settings(ingest={"host": host, "port": port}), stop_flag())


COMMANDS = (ingest,)
