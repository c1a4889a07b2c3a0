"""`nextup demo`: everything on this machine, on real purchases."""

import json
import shutil
import time
from pathlib import Path

import click

from deploy.command_line import out
from deploy.demo.local_stack import PAGE_PORT, LocalStack
from deploy.demo.page import DemoPage
from deploy.demo.run import Demo
from deploy.demo.story import Story, read_place, read_story
from deploy.stack.locations import RUN_TIME

FOLDER = RUN_TIME / "demo"


@click.command()
@click.option("--purchases", type=click.IntRange(min=1), help="Stop after so many purchases.")
@click.option("--rate", type=click.FloatRange(min=0.1), default=50.0, show_default=True, help="Events per second.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="State and logs.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Keep the last view as an SVG file.")
@click.option("--page/--no-page", default=True, show_default=True, help="Serve a page to buy on and to watch.")
@click.option("--page-port", type=click.IntRange(1, 65535), default=PAGE_PORT, show_default=True, help="Its port.")
@click.option("--started-at", type=float, hidden=True, help="Unix time at which the caller began to set up.")
def demo(
    purchases: int | None,
    rate: float,
    folder: Path,
    picture: Path | None,
    page: bool,
    page_port: int,
    started_at: float | None,
) -> None:
    """Start everything, train on a year of purchases, replay the month after, and watch the lists.

    A second run goes on where the first one stopped, with its model. The last line is JSON.
    """
    began = started_at or time.time()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    out.print("reading the purchases of a real shop (Online Retail, UCI, CC BY 4.0)")
    story = read_story()
    place_file = folder / "place.json"
    _start_over_at_the_end(folder, place_file, story)
    with LocalStack(folder, out, page_port) as stack:
        stack.start()
        run = Demo(stack, out, story, place_file, DemoPage(stack, out) if page else None)
        run.prepare()
        out.print(f"  in another terminal: nextup --config {stack.config_file} subscribe", soft_wrap=True)
        try:
            run.replay(purchases, rate)
            if purchases is None and out.is_terminal:
                run.keep_page()
        finally:
            summary = run.summary(began)
            if picture:
                picture.write_text(run.picture())
    click.echo(json.dumps(summary))


def _start_over_at_the_end(folder: Path, place_file: Path, story: Story) -> None:
    """Once everything has been replayed the customers' year begins anew; the model stays."""
    if read_place(place_file).replayed < len(story.replay):
        return
    out.print("all purchases have been replayed: starting over with empty topics, and the model there is")
    for name in ("broker", "worker", "gateway"):
        shutil.rmtree(folder / name, ignore_errors=True)
    place_file.unlink()
