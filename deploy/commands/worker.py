"""`nextup worker`: a worker in the foreground."""

import click

from deploy.command_line import pass_settings
from deploy.foreground import end_on_sigterm
from deploy.settings import Settings
from streams.worker import app


@click.command()
@pass_settings
def worker(settings: Settings) -> None:
    """Turn purchases into lists until stopped.

    Run as many as there are partitions, each with a worker.datadir of its own: they share the work.
    """
    # Until Faust takes the signals over; as a container's first process it would else not hear them at all.
    end_on_sigterm()
    models = settings.models
    app.run(settings.kafka, settings.topics, settings.triton, settings.worker, models.repository, models.name)
