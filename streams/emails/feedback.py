"""What customers do with links: events on the topic. The gateway calls this; there is no HTTP here."""

from datetime import datetime

from streams.clients.delivery import RecordSender
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.emails.errors import InvalidToken
from streams.emails.links import Link, Links, Purpose, event_of

TIMEOUT_S = 30.0


class Feedback:
    """Checks the token of a link and publishes what it stands for.

        feedback = Feedback(kafka, links_by(settings, rules))
        redirect_to(await feedback.clicked(token, now))

    A link that is followed twice is one event. One that is not ours raises InvalidToken, and nothing is published.
    """

    def __init__(self, connection: KafkaConnection, links: Links, timeout_s: float = TIMEOUT_S) -> None:
        """Raises BrokerUnavailable or TopicMismatch where there is nothing to publish to.

        An event that no broker took within `timeout_s` has failed.
        """
        self._links = links
        self._sender = RecordSender(connection, topics.EMAIL_EVENTS.name, timeout_s, timeout_s)

    @property
    def shop(self) -> str:
        """The name of whoever writes the emails."""
        return self._links.shop

    def target(self, token: str) -> str:
        """Where `clicked` would lead to; nothing is published."""
        return self._links.target(self._read(token, "clicked"))

    def check_unsubscribe(self, token: str) -> None:
        """InvalidToken where `unsubscribed` would not take this token; nothing is published."""
        self._read(token, "unsubscribed")

    async def clicked(self, token: str, at: datetime) -> str:
        """Where to lead the customer on to: a page of the shop, whatever the token says."""
        link = self._read(token, "clicked")
        await self._publish(link, at)
        return self._links.target(link)

    async def unsubscribed(self, token: str, at: datetime) -> None:
        """The customer gets no more emails, from the moment that this returns and `nextup emails` has read it."""
        await self._publish(self._read(token, "unsubscribed"), at)

    def close(self, timeout_s: float = TIMEOUT_S) -> None:
        """Raises Undelivered where an event was lost since the start."""
        self._sender.close(timeout_s)

    def _read(self, token: str, purpose: Purpose) -> Link:
        link = self._links.read(token)
        if link.purpose != purpose:
            raise InvalidToken(f"the link is not one to be {purpose}; copy it from the email as a whole")
        return link

    async def _publish(self, link: Link, at: datetime) -> None:
        event = event_of(link, at)
        key = messages.log_key(event.user_id, event.event_id)
        await (await self._sender.send_async(event.event_id, key, messages.encode(event)))
