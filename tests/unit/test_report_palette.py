"""Colours of the report: everyone can read it, on a light and on a dark background."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.backtest.report import palette

VISION = {
    "everything": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What is seen of linear RGB (Machado, Oliveira and Fernandes 2009, table 1, severity 1)."""
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ.sum(axis=1)
CLEARLY = 20.0
"""Difference in CIELAB (1976); 2.3 can just be seen."""


def test_each_role_has_a_light_value_of_its_own_by_which_it_is_found_in_figures() -> None:
    assert len({role.light for role in palette.ROLES}) == len(palette.ROLES)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_series_stand_out_from_the_page(mode: str) -> None:
    """WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for what must be told apart in figures (1.4.11)."""
    paper = getattr(palette.PAPER, mode)
    for role in (palette.INK, palette.MUTED, palette.ACCENT):
        assert _contrast(getattr(role, mode), paper) >= 4.5, role.name
    for mark in (palette.BEST, palette.CLOSE):
        assert _contrast(getattr(palette.INK, mode), getattr(mark, mode)) >= 4.5, mark.name
        assert _contrast(getattr(palette.MUTED, mode), getattr(mark, mode)) >= 4.5, mark.name
    for role in palette.SERIES:
        assert _contrast(getattr(role, mode), paper) >= 3.0, role.name


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_any_two_series_are_told_apart_whatever_somebody_sees(mode: str, vision: str) -> None:
    seen = {role.name: _lab(np.array(VISION[vision]) @ _linear(getattr(role, mode))) for role in palette.SERIES}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= CLEARLY, (one, other)


def _contrast(one: str, other: str) -> float:
    dark, light = sorted(float(XYZ[1] @ _linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _linear(colour: str) -> NDArray[np.float64]:
    shares = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = np.cbrt(XYZ @ np.clip(linear, 0, 1) / WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
