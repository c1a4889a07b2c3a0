"""`nextup triton`: a local Triton server in the foreground."""

from pathlib import Path

import click

from deploy.command_line import out, pass_settings
from deploy.foreground import local_port, run_until_stopped
from deploy.settings import Settings
from deploy.stack.locations import RUN_TIME
from deploy.stack.triton import TritonServer


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=RUN_TIME / "triton", help="Its log and ports."
)
@click.option("--port", type=click.IntRange(1, 65535), help="For gRPC, instead of the one in triton.url.")
@pass_settings
def triton(settings: Settings, folder: Path, port: int | None) -> None:
    """Run a local Triton server until stopped, on the CPU, with the model repository of the settings."""
    port = port or local_port("triton.url", settings.triton.url)
    repository = Path(settings.models.repository)
    with TritonServer(repository, folder, models=(settings.models.name,), grpc_port=port) as server:
        out.print(
            f"Triton is at {server.grpc_address} (gRPC) and {server.metrics_address} (metrics); "
            f"its log is {server.process.log}",
            soft_wrap=True,
        )
        run_until_stopped(server)
