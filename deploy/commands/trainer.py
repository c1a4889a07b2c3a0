"""`nextup trainer`: learn from the purchase log once, and release the version whatever it is beside the one before."""

import click
from msgspec.structs import replace

from deploy.command_line import pass_settings
from deploy.learning import learn
from deploy.settings import Settings


@click.command()
@pass_settings
def trainer(settings: Settings) -> None:
    """Train on the purchase log once, and release the model: Triton loads it, the workers switch to it.

    The same as nextup nightly --once where nightly.rule is always.
    """
    learn(settings, replace(settings.nightly, rule="always"))
