"""`nextup tune`: search for the settings that the model learns best with, and keep them for the runs to come."""

import os
from pathlib import Path

import click

from deploy.command_line import out, pass_settings
from deploy.errors import SettingsError
from deploy.progress_lines import shown_on
from deploy.quiet import native_stderr_off
from deploy.settings import Settings
from trainer import purchase_history
from trainer.progress import timed_step
from trainer.tuning.tuned import write

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with native_stderr_off():
    from trainer.training import use_threads
    from trainer.tuning.search import search


@click.command()
@click.option("--epochs", type=click.IntRange(2), default=9, show_default=True, help="Most epochs of one trial.")
@click.option("--anew", is_flag=True, help="Forget the trials of an earlier search; else it goes on from them.")
@pass_settings
def tune(settings: Settings, *, epochs: int, anew: bool) -> None:
    """Search for the settings that the model of the next order learns best with on this shop's purchase log.

    It takes hours on a large log; interrupt it whenever you like, and call it again to go on. What is best goes into
    the file trainer.tuned, which every run looks at.
    """
    if not settings.trainer.tuned:
        raise SettingsError('trainer.tuned is ""; expected the file that is to keep what is found')
    use_threads(settings.trainer.threads)
    file = Path(settings.trainer.tuned)
    with shown_on(out) as progress:
        with timed_step(progress, "reading the purchase log"):
            history = purchase_history.read(settings.kafka, progress)
        folder = Path(settings.trainer.datadir) / "trials"
        found = search(history.purchases, settings.trainer, folder, epochs, progress, anew=anew)
    write(found, file)
    out.print(f"{file}: {found}", soft_wrap=True, highlight=False)
