"""`nextup page`: the gateway, and on it a page to buy on and to watch."""

import click

from deploy.command_line import pass_settings
from deploy.email_links import served_links
from deploy.model_operations import ModelOperations
from deploy.settings import Settings
from streams.gateway import server
from streams.page.site import with_page


@click.command()
@pass_settings
def page(settings: Settings) -> None:
    """Serve what `nextup gateway` does, and a page: be a customer, buy, and see the list change.

    It opens under /page/, at gateway.address. Whoever may see it may also promote versions.
    """
    server.run(
        settings.kafka,
        settings.triton,
        settings.gateway,
        settings.models.repository,
        settings.models.name,
        settings.worker.history_lines,
        served_links(settings.emails),
        with_more=with_page(ModelOperations(settings), settings.models.name),
    )
