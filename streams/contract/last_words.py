"""What a process says last: a sentence that tells what happened, where, and what to do."""

import traceback

OURS = ("streams", "serving", "trainer", "deploy")
"""Packages whose errors tell in their text what to do."""


def last_words(error: BaseException) -> str:
    """Return why a process ends; for an error that nobody foresaw, also where it was raised.

    Of a group of errors the first one is told.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    kind, text = type(error), str(error).strip()
    if kind.__module__.split(".")[0] in OURS and text:
        return text
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return (
        f"{name}{f' ({text})' if text else ''}{_raised_in(error)}; that was not foreseen: start it again, and report "
        "it with the lines before this one if it comes back"
    )


def _raised_in(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    innermost = frames[-1]
    return f" in {innermost.name}, {innermost.filename}:{innermost.lineno}"
