"""The broker's jars: resolved from their Maven coordinates without Maven, and compared with a list of hashes."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from deploy.setup.environments import LOCKS
from deploy.setup.steps import FOLDER, SetupError, Stamp, fingerprint, run, step
from deploy.stack.locations import APP_ENVIRONMENT, JARS

COORDINATES = LOCKS / "jgo.toml"
LIST = LOCKS / "broker-jars.sha256"
# Sorting jars into a module path would need a Java, which jgo may try to download.
JGO_OPTIONS = ("--resolver", "python", "--links", "copy", "--class-path-only")


def is_complete() -> bool:
    return Stamp(JARS, "jars").says(fingerprint(LIST))


def broker_jars() -> None:
    """`.jars`: exactly the listed jars, or SetupError that names what differs."""
    if is_complete():
        return
    wanted = read_list(LIST.read_text())
    with step(f"Fetching the broker's {len(wanted)} jars"):
        if JARS.exists() and not differences(wanted, hashes(JARS.glob("*.jar"))):
            _stamp(JARS)
            return
        _fetch(wanted)


def resolve(folder: Path) -> list[Path]:
    """Resolve the coordinates into `folder`; the jars that they and their dependencies come to."""
    shutil.copy(COORDINATES, folder / "jgo.toml")
    run([APP_ENVIRONMENT / "bin" / "jgo", *JGO_OPTIONS, "sync"], folder=folder)
    return sorted(folder.glob(".jgo/*/*.jar"), key=lambda jar: jar.name)


def hashes(jars: Iterable[Path]) -> dict[str, str]:
    """Name of each jar to the SHA-256 of its bytes."""
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}


def read_list(text: str) -> dict[str, str]:
    """Name to hash, from lines as sha256sum writes them."""
    pairs = (line.split() for line in text.splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def render_list(found: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items()))


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """What differs between the list and the jars, one line each."""
    missing = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    extra = [f"{name} is not on the list" for name in sorted(found.keys() - wanted.keys())]
    changed = [
        f"{name} has other bytes" for name in sorted(wanted.keys() & found.keys()) if wanted[name] != found[name]
    ]
    return missing + extra + changed


def _fetch(wanted: dict[str, str]) -> None:
    """Resolve and compare beside `.jars`, then put it in place as a whole."""
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="jars-") as temporary:
        jars = resolve(Path(temporary))
        differing = differences(wanted, hashes(jars))
        if differing:
            raise SetupError("\n".join([f"the broker's jars differ from {LIST.name}:", *differing]))
        complete = Path(temporary, "complete")
        complete.mkdir()
        for jar in jars:
            jar.rename(complete / jar.name)
        _stamp(complete)
        shutil.rmtree(JARS, ignore_errors=True)
        complete.rename(JARS)


def _stamp(folder: Path) -> None:
    with Stamp(folder, "jars").working(fingerprint(LIST)):
        pass
