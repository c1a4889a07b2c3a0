"""`nextup pictures`: pictures of a page that runs."""

from pathlib import Path

import click

from deploy import page_pictures
from deploy.command_line import out
from deploy.demo.local_stack import PAGE_PORT
from deploy.stack.ports import LOOPBACK
from streams.page.address import PREFIX


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--link", default=f"http://{LOOPBACK}:{PAGE_PORT}{PREFIX}/", show_default=True, help="The page.")
def pictures(folder: Path, link: str) -> None:
    """Take pictures of a running page into FOLDER, by Chromium: desk and phone, light and dark. It buys something."""
    for file in page_pictures.take(link, folder):
        out.print(f"{file} ({file.stat().st_size / 1000:.0f} kB)", highlight=False, markup=False)
