"""A real SMTP server in a process of its own: keeps what it has taken, and misbehaves as it is told.

    python -m tests.emails.smtp_server PORT FOLDER [--tls|--starttls CERTIFICATE KEY] [--password WORD]

What it has taken is a line of JSON each in FOLDER/taken.jsonl, written before the server says yes. FOLDER/mood
holds a word, and may change at any time:

    kind            takes everything
    full            refuses every recipient for now (452)
    strict          refuses every recipient for good (550), and repeats the address as servers do
    slow            thinks for half a second before it says yes
    hangs-up        closes the connection before it has taken the letter
    forgets-to-say  takes the letter, and closes the connection without a word
    stalls          takes the letter, and says nothing for a minute
"""

import argparse
import asyncio
import json
import os
import ssl
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

STALL_S = 60.0


class Handler:
    """What happens to a letter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        match self._mood():
            case "full":
                return "452 4.2.2 mailbox full"
            case "strict":
                return f"550 5.1.1 <{address}>: no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mood = self._mood()
        if mood == "hangs-up":
            server.transport.abort()
            return "421 bye"
        if mood == "slow":
            await asyncio.sleep(0.5)
        self._keep(envelope)
        if mood == "forgets-to-say":
            server.transport.abort()
        elif mood == "stalls":
            await asyncio.sleep(STALL_S)
        return "250 OK"

    def _mood(self) -> str:
        return (self._folder / "mood").read_text().strip()

    def _keep(self, envelope: Any) -> None:
        content: bytes = envelope.original_content
        headers = message_from_bytes(content, policy=policy.default)
        line = {
            "recipient": envelope.rcpt_tos[0],
            "message_id": headers["Message-ID"],
            "date": headers["Date"].datetime.isoformat(),
            "content": content.decode("ascii"),
        }
        with (self._folder / "taken.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--starttls", nargs=2)
    parser.add_argument("--password")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    def authenticated(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and given.password.decode() == options.password
        return AuthResult(success=known, handled=False)

    handler = Handler(options.folder)
    starttls = _context(options.starttls)

    def session() -> SMTP:
        return SMTP(
            handler,
            hostname="mail.example",
            authenticator=authenticated,
            auth_required=options.password is not None,
            auth_require_tls=options.tls is None,
            tls_context=starttls,
            require_starttls=starttls is not None,
        )

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", options.port, ssl=_context(options.tls)
    )
    await server.serve_forever()


def _context(files: list[str] | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


if __name__ == "__main__":
    main()
