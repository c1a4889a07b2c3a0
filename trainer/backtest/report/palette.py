"""Colours of the page, each for a light and a dark background, by the role that they play.

The series were chosen so that any two of them differ clearly for people with any kind of colour vision, and all
of them stand out from their background; a test computes both. No figure relies on colours alone: every series
also has a marker of its own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """One role; the light value also marks the role within a figure, so no two roles may share it."""

    name: str
    light: str
    dark: str

    @property
    def variable(self) -> str:
        """How a style sheet refers to it."""
        return f"var(--{self.name})"


INK = Colour("ink", "#1b1f24", "#e8eaed")
MUTED = Colour("muted", "#59636e", "#a4adb8")
RULE = Colour("rule", "#d5dae0", "#3a424c")
PAPER = Colour("paper", "#ffffff", "#14181d")
SURFACE = Colour("surface", "#f5f7f9", "#1d232a")
ACCENT = Colour("accent", "#0a5c9e", "#6cb8f0")
BEST = Colour("best", "#dcefe6", "#12402f")
CLOSE = Colour("close", "#fbf1d5", "#3d3413")
BAR = Colour("bar", "#8fa3b5", "#61748a")

SERIES = (
    Colour("series-1", "#0097fe", "#497cf3"),
    Colour("series-2", "#df7617", "#ab691b"),
    Colour("series-3", "#3e705b", "#1aff99"),
    Colour("series-4", "#941c83", "#e21d81"),
    Colour("series-5", "#73551c", "#f5d610"),
    Colour("series-6", "#25262f", "#d5f2ff"),
)

ROLES = (INK, MUTED, RULE, PAPER, SURFACE, ACCENT, BEST, CLOSE, BAR, *SERIES)


def light_variables() -> str:
    """Declarations for a style sheet."""
    return _declarations({role.name: role.light for role in ROLES})


def dark_variables() -> str:
    return _declarations({role.name: role.dark for role in ROLES})


def _declarations(values: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in values.items())
