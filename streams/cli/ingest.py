"""`ingest`: the HTTP endpoint that vendors report to."""

from __future__ import annotations

import click

from streams.cli.context import Context, stop_flag


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0: any that is free.  [default: 8480]")
@click.option("--again", is_flag=True, help="Do not serve: read the bodies that were put aside again, and end.")
@click.option("--reason", multiple=True, help="With --again: which of them; may be repeated. [default: not understood]")
@click.pass_obj
def ingest(context: Context, host: str | None, port: int | None, again: bool, reason: tuple[str, ...]) -> None:
    """Receive vendors' webhooks over HTTP and write delivery reports to Kafka.

    Who may report is configured under [receipts.NAME]. A vendor is answered with success only after Kafka has
    acknowledged; where it has not, with 503, so that the vendor sends again. See docs/ingest.md.

    After the description of a vendor was mended, --again reads from the dead letters what was not understood before;
    --reason bad_signature reads what a wrong secret has kept out.
    """
    from streams.apps.ingest import ingest_again, run_ingest

    if again:
        counts = ingest_again(context.settings(), reason)
        for what, count in counts.items():
            click.echo(f"{count:,} {what}")
        if not counts:
            click.echo("nothing was put aside")
        return
    run_ingest(context.settings(ingest={"host": host, "port": port}), stop_flag())


COMMANDS = (ingest,)
