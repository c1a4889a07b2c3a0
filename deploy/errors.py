"""What can go wrong in how it is run; the local stack has a tree of its own in `deploy.stack.errors`."""


class SettingsError(Exception):
    """A setting is unknown or not valid; names the field, what was found and what is expected."""
