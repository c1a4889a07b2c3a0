"""A matplotlib figure as SVG that stands within the page: it follows the page's colours, and fetches nothing."""

import io
import re
from contextlib import AbstractContextManager
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from trainer.backtest.report.palette import ROLES

_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_NAMESPACE = re.compile(r"^\{[^}]*\}")
_REFERENCE = re.compile(r"(?:^|url\()#([\w.-]+)")
_FONT = re.compile(r"font-family: [^;\"]*")
_VARIABLES = {role.light: role.variable for role in ROLES}
_COLOUR = re.compile("|".join(_VARIABLES))


def settings(salt: str = "") -> AbstractContextManager[None]:
    """matplotlib's settings while a figure of the page is drawn or written; equal salts name parts equally."""
    return rc_context(
        {
            "svg.fonttype": "none",  # text stays text: sharp at any size, and in the reader's own fonts
            "svg.hashsalt": salt,
            "text.parse_math": False,  # a name with two dollar signs is no formula
            "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that every machine measures text alike
            "font.size": 10.5,
        }
    )


def inline(figure: Figure, key: str, title: str, description: str) -> Markup:
    """The figure as an `<svg>` element with a name and a description for who cannot see it.

    Colours of the palette become variables of the page. `key` tells its parts from those of other figures of
    the same page.
    """
    buffer = io.StringIO()
    with settings(key):
        figure.savefig(buffer, format="svg", metadata=_METADATA, transparent=True)
    svg = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - written one line above
    _drop_namespaces(svg)
    _drop_style_sheets(svg)
    _drop_ids_but_referenced(svg)
    _name(svg, key, title, description)
    text = _FONT.sub("font-family: inherit", ElementTree.tostring(svg, encoding="unicode"))
    return Markup(_COLOUR.sub(lambda found: _VARIABLES[found[0]], text))  # noqa: S704 - escaped by ElementTree


def _drop_namespaces(svg: ElementTree.Element) -> None:
    """Within HTML they go without saying."""
    for element in svg.iter():
        element.tag = _NAMESPACE.sub("", element.tag)
        for name in list(element.attrib):
            element.set(_NAMESPACE.sub("", name), element.attrib.pop(name))


def _drop_style_sheets(svg: ElementTree.Element) -> None:
    """They would hold for the whole page."""
    for parent in list(svg.iter()):
        for style in parent.findall("style"):
            parent.remove(style)


def _drop_ids_but_referenced(svg: ElementTree.Element) -> None:
    """Referenced ones are salted hashes; the others only number parts, alike in every figure."""
    values = [value for element in svg.iter() for value in element.attrib.values()]
    referenced = {name for value in values for name in _REFERENCE.findall(value)}
    for element in svg.iter():
        if element.get("id") not in referenced:
            element.attrib.pop("id", None)


def _name(svg: ElementTree.Element, key: str, title: str, description: str) -> None:
    """Tell what is shown; the page decides how wide."""
    for name in ("width", "height", "version"):
        svg.attrib.pop(name, None)
    svg.set("role", "img")
    svg.set("aria-labelledby", f"{key}-title {key}-desc")
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag, {"id": f"{key}-{tag}"})
        element.text = text
        svg.insert(place, element)
