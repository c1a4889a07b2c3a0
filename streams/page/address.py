"""Where the page is on its gateway."""

PREFIX = "/page"
