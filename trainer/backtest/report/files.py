"""The files of a report: `report.html` for people, `report.json` for programs."""

from pathlib import Path

import msgspec

from trainer.backtest.report.page import render
from trainer.backtest.results import Backtest

PAGE = "report.html"
DOCUMENT = "report.json"


def write(backtest: Backtest, folder: Path) -> tuple[Path, Path]:
    """Write both into a folder, which is made if it is not there; OSError where that cannot be."""
    folder.mkdir(parents=True, exist_ok=True)
    page, document = folder / PAGE, folder / DOCUMENT
    page.write_text(render(backtest), encoding="utf-8")
    document.write_bytes(encode(backtest))
    return page, document


def encode(backtest: Backtest) -> bytes:
    """All that was found as JSON, field by field as in `Backtest`; a figure that is not a number becomes null."""
    return msgspec.json.format(msgspec.json.encode(backtest)) + b"\n"
