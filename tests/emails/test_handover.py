"""Handing letters over to a real SMTP server, which is kind or not."""

from pathlib import Path

import pytest
import trustme

from streams.emails.errors import HandoverFailed
from streams.emails.handover import Connection
from streams.emails.message import Letter
from tests.emails.mail import MailServer

CONTENT = (
    b"Subject: hello\r\nMessage-ID: <1@shop.example>\r\nDate: Wed, 09 Nov 2011 12:00:00 +0000\r\n\r\n.dot\r\n..\r\nend"
)
LETTER = Letter("news@shop.example", "ada@home.example", CONTENT)


def who(password: str) -> dict[str, str]:
    return {"smtp_username": "shop", "smtp_password": password}


def yes() -> bool:
    return True


async def failure(connection: Connection) -> HandoverFailed:
    with pytest.raises(HandoverFailed) as caught:
        await connection.hand_over(LETTER, yes)
    assert "ada@home" not in str(caught.value)
    return caught.value


async def test_a_letter_arrives_as_it_was_written_and_the_connection_is_kept(mail: MailServer) -> None:
    connection = Connection(mail.settings())
    for _ in range(3):
        assert await connection.hand_over(LETTER, yes)
    await connection.quit()
    taken = mail.taken()
    assert [letter.recipient for letter in taken] == ["ada@home.example"] * 3
    assert taken[0].message.get_content().splitlines() == [".dot", "..", "end"]


async def test_a_letter_whose_end_was_not_sent_was_never_there(mail: MailServer) -> None:
    connection = Connection(mail.settings())
    assert not await connection.hand_over(LETTER, lambda: False)
    assert await connection.hand_over(LETTER, yes)
    await connection.quit()
    assert len(mail.taken()) == 1


@pytest.mark.parametrize(
    ("mood", "words", "is_final", "is_unknown", "n_taken"),
    [
        ("full", "the SMTP server said 452", False, False, 0),
        ("strict", "the SMTP server said 550", True, False, 0),
        ("hangs-up", "the connection was lost before the answer", False, True, 0),
        ("forgets-to-say", "the connection was lost before the answer", False, True, 1),
        ("stalls", "the connection was lost before the answer: ReadTimeoutError", False, True, 1),
    ],
)
async def test_what_the_server_may_do_instead_of_saying_yes(
    mail: MailServer, mood: str, words: str, is_final: bool, is_unknown: bool, n_taken: int
) -> None:
    mail.behave(mood)
    connection = Connection(mail.settings(smtp_timeout_s=3.0))
    found = await failure(connection)
    assert str(found).startswith(words)
    assert (found.is_final, found.is_unknown) == (is_final, is_unknown)
    assert len(mail.taken()) == n_taken
    mail.behave("kind")
    assert await connection.hand_over(LETTER, yes), "the next letter is not the last one's fault"
    await connection.quit()


async def test_a_server_that_is_away_can_be_there_later(mail: MailServer) -> None:
    connection = Connection(mail.settings())
    assert await connection.hand_over(LETTER, yes)
    mail.stop()
    assert not (await failure(connection)).is_final
    assert str(await failure(connection)).startswith("the SMTP server cannot be reached")
    mail.start()
    assert await connection.hand_over(LETTER, yes)
    await connection.quit()
    assert len(mail.taken()) == 2


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_over_tls_with_a_password_and_not_without(tmp_path: Path, security: str) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    key, chain, ca = (tmp_path / name for name in ("key.pem", "chain.pem", "ca.pem"))
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(chain)
    authority.cert_pem.write_to_path(ca)
    safe = {"smtp_security": security, "smtp_host": "localhost", "smtp_ca_file": str(ca)}
    with MailServer(tmp_path / "mail", f"--{security}", chain, key, "--password", "geheim") as mail:
        right = Connection(mail.settings(**safe, **who("geheim")))
        assert await right.hand_over(LETTER, yes)
        await right.quit()
        wrong = await failure(Connection(mail.settings(**safe, **who("falsch"))))
        assert str(wrong) == "the SMTP server lets nobody in: 535"
        assert not wrong.is_final
        stranger = await failure(Connection(mail.settings(**safe | {"smtp_ca_file": ""}, **who("geheim"))))
        assert "certificate" in str(stranger).lower()
    assert len(mail.taken()) == 1
