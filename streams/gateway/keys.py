"""API keys: made once, shown once, kept as hashes in a file.

A key is 256 random bits, so one round of SHA-256 is enough: there is nothing to guess, and no list to try.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from serving import durable_files
from streams.gateway.errors import KeysUnreadable

log = logging.getLogger(__name__)

Scope: TypeAlias = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = ("read", "write")
_BEGINNING = "nextup"


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a key. `id` is part of the key itself, and tells which of them is shown."""

    id: str
    name: Annotated[str, Meta(min_length=1, max_length=256)]
    scopes: Annotated[list[Scope], Meta(min_length=1)]
    created_at: datetime
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]

    def opens_with(self, key: str) -> bool:
        """Whether `key` is this one; how long the comparison takes tells nothing about it."""
        return hmac.compare_digest(self.sha256, _hashed(key))


def new_key(name: str, scopes: Iterable[Scope], now: datetime) -> tuple[str, ApiKey]:
    """A key as its owner gets it, and as it is kept; KeysUnreadable for a name that could not be read again."""
    id_ = secrets.token_hex(4)
    key = f"{_BEGINNING}_{id_}_{secrets.token_urlsafe(32)}"
    kept = ApiKey(id_, name, sorted(set(scopes)), now, _hashed(key))
    try:
        return key, msgspec.json.decode(msgspec.json.encode(kept), type=ApiKey)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise KeysUnreadable(f"the key cannot be kept: {error}") from None


def read_keys(file: Path) -> list[ApiKey]:
    """The keys in a file, none where there is no file; KeysUnreadable where it is none of ours."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[ApiKey])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeysUnreadable(f"gateway.keys_file {file} cannot be read: {error}") from None


def write_keys(file: Path, keys: Sequence[ApiKey]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    durable_files.replace(file, msgspec.json.format(msgspec.json.encode(keys)))


class KeyRing:
    """The keys of a file, as they are now: one that is added or removed counts without a restart."""

    def __init__(self, file: Path) -> None:
        """Raises KeysUnreadable."""
        self._file = file
        self._seen = self._state()
        self._keys = {key.id: key for key in read_keys(file)}

    def __bool__(self) -> bool:
        """Whether there are keys at all."""
        self._look()
        return bool(self._keys)

    def find(self, key: str) -> ApiKey | None:
        """What is known of a key; None where it is none of ours."""
        self._look()
        beginning, _, rest = key.partition("_")
        candidate = self._keys.get(rest.partition("_")[0])
        return candidate if beginning == _BEGINNING and candidate and candidate.opens_with(key) else None

    def _look(self) -> None:
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            keys = read_keys(self._file)
        except KeysUnreadable as error:
            log.error("%s; the keys of before go on counting", error)
            return
        if self._keys and not keys:
            log.error("%s holds no keys any more; those of before go on counting until the next start", self._file)
            return
        self._keys = {key.id: key for key in keys}

    def _state(self) -> tuple[int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
