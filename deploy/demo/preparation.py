"""What must be there before a replay: the history on the topics, its lists, and a model that answers."""

import subprocess
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.demo.local_stack import LocalStack
from deploy.demo.story import REPLAY_FROM, Story
from deploy.stack.errors import StackError
from serving.model_repository import ModelRepository
from streams.clients.publisher import CataloguePublisher, PurchasePublisher
from streams.contract import topics
from trainer.announcement import announce, announced

STALLED_S = 60.0


def publish_history(stack: LocalStack, console: Console, story: Story) -> None:
    """Catalogue and history, and the worker's lists for them."""
    left_out = ", ".join(f"{count:,} rows with {reason}" for reason, count in story.report.left_out.items())
    console.print(f"  {len(story.history):,} orders before {REPLAY_FROM:%Y-%m-%d}; left out: {left_out}")
    with CataloguePublisher(stack.settings.kafka) as catalogue:
        for item in story.items:
            catalogue.publish(item)
    with _bars(console) as bars, PurchasePublisher(stack.settings.kafka) as publisher:
        task = bars.add_task("publishing the history", total=len(story.history))
        for event in story.history:
            publisher.publish(event)
            bars.advance(task)
    _await_worker(stack, console, "worker makes lists", len(story.history))


def _await_worker(stack: LocalStack, console: Console, what: str, total: int) -> None:
    """Until the worker has acknowledged everything."""
    with _bars(console) as bars:
        task = bars.add_task(what, total=total)
        moved, left = time.monotonic(), total
        while left:
            stack.check()
            now_left = stack.sizes.lag(topics.PURCHASES.name)
            if now_left != left:
                moved, left = time.monotonic(), now_left
            if time.monotonic() - moved > STALLED_S:
                raise StackError(f"the worker has not moved for {STALLED_S:.0f} s with {left} events to go")
            bars.update(task, completed=total - left)
            time.sleep(0.2)


def is_model_there(stack: LocalStack) -> bool:
    """Whether an earlier demo has trained one; on topics that are new it is announced anew."""
    settings = stack.settings
    repository = ModelRepository(settings.models.repository)
    pinned = repository.pinned(settings.models.name)
    if not pinned:
        return False
    if announced(settings.kafka, settings.models.name) is None:
        announce(settings.kafka, repository.read(settings.models.name, pinned[-1]).metadata, "kept from before")
    return True


def train(stack: LocalStack) -> None:
    """In a process of its own: TensorFlow takes half a gigabyte that nobody needs afterwards."""
    log = stack.folder / "trainer.log"
    with log.open("ab") as stderr, subprocess.Popen(stack.command("trainer"), stderr=stderr) as trainer:
        try:
            code = trainer.wait()
        except BaseException:
            trainer.terminate()
            raise
    if code != 0:
        lines = log.read_text(errors="replace").splitlines()[-10:]
        raise StackError("\n".join([*lines, f"the trainer ended with exit code {code}; its log is {log}"]))


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
