"""`nextup publish`: purchases from a file into the topic."""

from pathlib import Path

import click
import msgspec

from deploy.command_line import pass_settings
from deploy.file_publishing import publish_all, tell
from deploy.mapping_option import MappingType
from deploy.settings import Settings
from streams.clients.publisher import PurchasePublisher
from streams.clients.purchase_files import ONLINE_RETAIL, PurchaseColumns, read_events
from streams.clients.read_report import ReadReport
from streams.clients.table_files import FORMATS, Format

MAPPING = MappingType(
    PurchaseColumns,
    roles=("user", "event", "item", "time", "quantity", "price"),
    presets={"online-retail": ONLINE_RETAIL},
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--mapping", type=MAPPING, help="user=COLUMN,event=COLUMN,item=…,time=…[,quantity=…,price=…].")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Where the file's name does not tell.")
@click.option("--returns-prefix", help="Orders whose event begins so are returns (negative quantities always are).")
@click.option("--timezone", help="Of times that name no zone, such as Europe/London; UTC if not given.")
@click.option("--time-format", help="Of times that are not ISO 8601, in the letters of strptime: %m/%d/%Y %H:%M")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many events per second.")
@pass_settings
def publish(
    settings: Settings,
    /,
    file: Path,
    mapping: PurchaseColumns | None,
    format_: Format | None,
    rate: float | None,
    **rules: str | None,
) -> None:
    """Publish purchases from FILE: JSON lines, or CSV or Parquet with a row for each line of an order.

    A table needs --mapping, which says which of its columns hold what; online-retail stands for the one
    of the bundled file. Rows that cannot be part of an event are left out, counted, and the first shown.
    """
    given = {name: rule for name, rule in rules.items() if rule is not None}
    columns = mapping and msgspec.structs.replace(mapping, **given)
    report = ReadReport()
    published = publish_all(
        read_events(file, columns, report, format_), PurchasePublisher(settings.kafka), report, rate
    )
    tell(published, report)
