"""One connection to the SMTP server, which is kept for all emails; what goes wrong is told without addresses."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable

from aiosmtplib import SMTP, SMTPException, SMTPRecipientRefused, SMTPResponseException, SMTPStatus

from streams.emails.errors import HandoverFailed
from streams.emails.message import Letter
from streams.emails.settings import EmailSettings

log = logging.getLogger(__name__)

WRITING_S = 0.002
"""How long to wait before looking again whether an email is written."""
LEAVE_S = 3.0
"""How long to wait for a server's farewell."""


class Connection:
    """A connection that is made when it is needed, and made anew when it was lost."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._smtp: SMTP | None = None

    async def hand_over(self, letter: Letter, may_end: Callable[[], bool]) -> bool:
        """Give one letter to the server; whether it was given, HandoverFailed where the server has not taken it.

        `may_end` is called when nothing but the end of the letter remains to be sent. Where it says no,
        the connection is closed and the server has no letter.
        """
        smtp = await self._connected()
        await self._envelope(smtp, letter)
        await self._write(smtp, letter.content)
        if not may_end():
            self.close()
            return False
        await self._end(smtp)
        return True

    def close(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    async def quit(self) -> None:
        """Take leave; a server that does not answer is left all the same."""
        if self._smtp is not None and self._smtp.is_connected:
            try:
                await self._smtp.quit(timeout=LEAVE_S)
            except (SMTPException, OSError) as error:
                log.debug("the SMTP server did not take leave: %s", type(error).__name__)
        self.close()

    async def _connected(self) -> SMTP:
        if self._smtp is None or not self._smtp.is_connected:
            self.close()
            smtp = _smtp(self._settings)
            try:
                await smtp.connect()
            except SMTPResponseException as error:
                smtp.close()
                raise HandoverFailed(f"the SMTP server lets nobody in: {error.code}") from None
            except (SMTPException, OSError, ValueError) as error:
                smtp.close()
                # No recipient was named yet, so what the library says can be told.
                raise HandoverFailed(f"the SMTP server cannot be reached: {' '.join(str(error).split())}") from None
            self._smtp = smtp
        return self._smtp

    async def _envelope(self, smtp: SMTP, letter: Letter) -> None:
        """All that comes before the content: nothing is decided yet."""
        try:
            await smtp.mail(letter.sender)
            await smtp.rcpt(letter.recipient)
            answer = await smtp.execute_command(b"DATA")
        except SMTPResponseException as error:
            await self._reset(smtp)
            raise _refused(error.code, is_about_letter=isinstance(error, SMTPRecipientRefused)) from None
        except (SMTPException, OSError) as error:
            self.close()
            raise HandoverFailed(f"the connection was lost: {_reason(error)}") from None
        if answer.code != SMTPStatus.start_input:
            await self._reset(smtp)
            raise _refused(answer.code, is_about_letter=False)

    async def _end(self, smtp: SMTP) -> None:
        """From the last line on nobody knows what the server has done until it answers."""
        try:
            answer = await smtp.execute_command(b".")
        except (SMTPException, OSError) as error:
            self.close()
            reason = f"the connection was lost before the answer: {_reason(error)}"
            raise HandoverFailed(reason, is_unknown=True) from None
        if answer.code != SMTPStatus.completed:
            raise _refused(answer.code, is_about_letter=True)

    async def _reset(self, smtp: SMTP) -> None:
        """After a refusal the connection is good for the next letter, unless the server thinks otherwise."""
        try:
            await smtp.execute_command(b"RSET")
        except (SMTPException, OSError):
            self.close()

    async def _write(self, smtp: SMTP, content: bytes) -> None:
        """The content without its end, with lines that begin with a dot made safe (RFC 5321, 4.5.2).

        Returns when all of it is with the system, so that the end, when it is written, is there at once.
        """
        transport = smtp.transport
        if not isinstance(transport, asyncio.WriteTransport) or transport.is_closing():
            self.close()
            raise HandoverFailed("the connection was lost: the server closed it")
        transport.write(stuffed(content))
        deadline = time.monotonic() + self._settings.smtp_timeout_s
        while transport.get_write_buffer_size():
            if transport.is_closing() or time.monotonic() > deadline:
                self.close()
                raise HandoverFailed("the connection was lost: the server did not take the email in time")
            await asyncio.sleep(WRITING_S)


def stuffed(content: bytes) -> bytes:
    """Content as it goes over the wire, up to its end: each line ends with CRLF, no line is a lone dot.

    >>> stuffed(b"one\\r\\n.two\\r\\nthree")
    b'one\\r\\n..two\\r\\nthree\\r\\n'
    """
    ended = content if content.endswith(b"\r\n") else content + b"\r\n"
    safe = ended.replace(b"\r\n.", b"\r\n..")
    return b"." + safe if safe.startswith(b".") else safe


def _smtp(settings: EmailSettings) -> SMTP:
    is_safe = settings.smtp_security != "none"
    return SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username or None,
        password=settings.smtp_password or None,
        timeout=settings.smtp_timeout_s,
        use_tls=settings.smtp_security == "tls",
        start_tls=settings.smtp_security == "starttls",
        tls_context=ssl.create_default_context(cafile=settings.smtp_ca_file or None) if is_safe else None,
    )


def _refused(code: int, *, is_about_letter: bool) -> HandoverFailed:
    """A code of 5xx about this letter is a refusal for good; one about the sender is mended by who runs the shop.

    The text of an answer may hold the address, so it is not kept.
    """
    return HandoverFailed(f"the SMTP server said {code}", is_final=is_about_letter and 500 <= code < 600)


def _reason(error: Exception) -> str:
    """What kind of error; of those of the system also what they say, which names nothing but files and hosts."""
    words = type(error).__name__.removeprefix("SMTP")
    return f"{words}: {error.strerror}" if isinstance(error, OSError) and error.strerror else words
