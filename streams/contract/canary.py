"""Which users a version is tried on: known to whoever reads the topics, without asking a worker."""

import hashlib


def in_canary(user_id: str, version: int, share: float) -> bool:
    """Whether a user is among the `share` on whom a version is tried.

    Always the same users for a version, others for the next, and with a larger share only more of them.
    """
    digest = hashlib.blake2b(f"{version}:{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64
