"""The links of emails, for the commands that serve them."""

from pathlib import Path

from streams.emails.links import Links, links_by
from streams.emails.rules import read_rules
from streams.emails.settings import EmailSettings


def served_links(settings: EmailSettings) -> Links | None:
    """None where no secret is set: no links are served then. InvalidRules where the rules or the secret will not do."""
    return links_by(settings, read_rules(Path(settings.rules))) if settings.link_secret else None
