"""`nextup broker`: a local Kafka broker in the foreground."""

from pathlib import Path

import click

from deploy.command_line import out, pass_settings
from deploy.foreground import local_port, run_until_stopped
from deploy.settings import Settings
from deploy.stack.broker import Broker
from deploy.stack.locations import RUN_TIME


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=RUN_TIME / "broker", help="Its data."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of the one in kafka.bootstrap_servers.")
@pass_settings
def broker(settings: Settings, folder: Path, port: int | None) -> None:
    """Run a local Kafka broker until stopped: one node, reachable from this machine only."""
    port = port or local_port("kafka.bootstrap_servers", settings.kafka.bootstrap_servers)
    with Broker(folder, port=port) as server:
        out.print(f"The broker is at {server.bootstrap_servers}; its log is {server.process.log}", soft_wrap=True)
        run_until_stopped(server)
