"""`nextup items`: the catalogue from a file into the topic."""

from pathlib import Path

import click

from deploy.command_line import pass_settings
from deploy.file_publishing import publish_all, tell
from deploy.mapping_option import MappingType
from deploy.settings import Settings
from streams.clients.item_files import ONLINE_RETAIL_ITEMS, ItemColumns, read_items
from streams.clients.publisher import CataloguePublisher
from streams.clients.read_report import ReadReport
from streams.clients.table_files import FORMATS, Format

MAPPING = MappingType(
    ItemColumns, roles=("item", "title", "category", "available"), presets={"online-retail": ONLINE_RETAIL_ITEMS}
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--mapping", type=MAPPING, help="item=COLUMN[,title=COLUMN,category=…,available=…].")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Where the file's name does not tell.")
@pass_settings
def items(settings: Settings, file: Path, mapping: ItemColumns | None, format_: Format | None) -> None:
    """Publish the catalogue from FILE: JSON lines ({"item_id", "title", "category", "available"}), CSV or Parquet.

    A table needs --mapping. It may be one of order lines: an item gets the title that most of its rows
    have. What is published replaces what was known of an item; items that FILE does not name stay.
    """
    report = ReadReport()
    published = publish_all(read_items(file, mapping, report, format_), CataloguePublisher(settings.kafka), report)
    tell(published, report)
