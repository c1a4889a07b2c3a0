"""`make lock`: write the locks anew from what they are made of; `--upgrade` takes the newest versions."""

import sys
import tempfile
from pathlib import Path

from deploy.setup import jars
from deploy.setup.environments import APP_LOCK, LOCKS, TRITON_LOCK
from deploy.setup.steps import run, step
from deploy.stack.locations import APP_ENVIRONMENT

# One lock for Linux on every processor and for every Python that is allowed; no index is named in it.
_COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")
_BARE = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")


def main() -> None:
    more = sys.argv[1:]
    with step("Locking the application's packages"):
        _lock(LOCKS / "app.in", APP_LOCK, more)
    with step("Locking the packages beside Triton"):
        _lock(LOCKS / "triton.in", TRITON_LOCK, ["--no-deps", *more])
    with step("Listing the broker's jars"), tempfile.TemporaryDirectory() as folder:
        jars.LIST.write_text(jars.render_list(jars.hashes(jars.resolve(Path(folder)))))


def _lock(source: Path, target: Path, more: list[str]) -> None:
    run([APP_ENVIRONMENT / "bin" / "uv", *_COMPILE, *_BARE, *more, source, "--output-file", target])


if __name__ == "__main__":
    main()
