"""The demo from beginning to end: what a shop would do in a year, in minutes.

start broker, Triton, worker  →  publish the history  →  train on the log the worker has written
→  the running worker switches to the model  →  replay what customers bought after that, and watch
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live

from deploy.demo import preparation, view
from deploy.demo.local_stack import LocalStack
from deploy.demo.page import DemoPage
from deploy.demo.scoreboard import Scoreboard
from deploy.demo.story import Story, first_purchases, read_place
from streams.clients.publisher import PurchasePublisher
from streams.clients.subscriber import RecommendationSubscriber
from streams.contract import topics
from streams.contract.messages import Event, Purchase

LAST_LISTS_WITHIN_S = 30.0
CAUGHT_UP_WITHIN_S = 120.0
REFRESH_S = 0.25
QUIET_EVERY_S = 10.0


class Demo:
    """One run of the demo over a started stack."""

    def __init__(
        self, stack: LocalStack, console: Console, story: Story, place_file: Path, page: DemoPage | None = None
    ) -> None:
        self._stack = stack
        self._console = console
        self._story = story
        self._place_file = place_file
        self._page = page
        self._place = read_place(place_file)
        self._titles = {item.item_id: item.title for item in story.items}
        self._dead_letters_before = 0
        self.board = Scoreboard({item.item_id for item in story.items if not item.available})

    def prepare(self) -> None:
        """Everything up to the replay; what an earlier demo has done is not done again."""
        if not self._place.history_published:
            preparation.publish_history(self._stack, self._console, self._story)
            self._place.history_published = True
            self._keep_place()
        if not preparation.is_model_there(self._stack):
            preparation.train(self._stack)

    def replay(self, purchases: int | None, rate: float) -> None:
        """Publish what comes next, `rate` events a second, until so many purchases (or all) are through."""
        events = first_purchases(self._story.replay[self._place.replayed :], purchases)
        total = sum(isinstance(event, Purchase) for event in events)
        self._dead_letters_before = self._stack.sizes.records(topics.DEAD_LETTERS.name)
        kafka = self._stack.settings.kafka
        with RecommendationSubscriber(kafka, start="beginning") as lists, PurchasePublisher(kafka) as publisher:
            receiver = threading.Thread(target=self._receive, args=(lists,), name="receive-lists", daemon=True)
            receiver.start()
            self._learn_past()
            with self._showing(total) as show:
                self._publish(events, publisher, rate, show)
                self._await_lists(show)
            lists.close()
            receiver.join()

    def keep_page(self) -> None:
        """Where there is a page, stay until Ctrl-C: whoever looks at it has not come to an end."""
        if self._page is None or self._page.has_failed:
            return
        self._console.print("all is replayed; the page stays open, and Ctrl-C stops everything")
        while not self._page.has_failed:
            self._stack.check()
            self._page.look()
            time.sleep(REFRESH_S)

    def summary(self, started_at: float) -> dict[str, object]:
        """The figures of this run; `started_at` is the unix time from which the first list is counted."""
        board = self.board
        latency = board.latency()
        first = board.first_list_at
        return {
            "purchases": board.purchases,
            "lists": board.lists,
            "dead_letters": board.dead_letters,
            "latency_ms": {"p50": _rounded(latency.p50, 1), "p99": _rounded(latency.p99, 1)},
            "hit_rate_at_5": _rounded(board.hit_rate.share, 4),
            "popularity_hit_rate_at_5": _rounded(board.popularity_hit_rate.share, 4),
            "purchases_judged": board.hit_rate.purchases,
            "where_the_model_made_the_list": {
                "purchases_judged": board.model_hit_rate.purchases,
                "hit_rate_at_5": _rounded(board.model_hit_rate.share, 4),
                "own_favourites_hit_rate_at_5": _rounded(board.favourites_hit_rate.share, 4),
            },
            "seconds_to_first_list": _rounded(first - started_at, 1) if first else None,
            "model_version": board.model_version,
        }

    def picture(self) -> str:
        """The view as it is now, as SVG."""
        return view.picture(self.board, self._titles, self.board.purchases)

    def _receive(self, lists: RecommendationSubscriber) -> None:
        for recommended in lists:
            self.board.received(recommended)

    def _learn_past(self) -> None:
        for event in [*self._story.history, *self._story.replay[: self._place.replayed]]:
            self.board.learn(event)
        users = self._stack.sizes.records(topics.RECOMMENDATIONS.name)
        end = time.monotonic() + CAUGHT_UP_WITHIN_S
        seen = -1
        # Until the receiver has come to what is on the topic now: no list has come for a moment.
        while users and seen != self.board.users_with_list and time.monotonic() < end:
            seen = self.board.users_with_list
            time.sleep(0.3)

    def _publish(
        self, events: list[Event], publisher: PurchasePublisher, rate: float, show: Callable[[], None]
    ) -> None:
        start = time.perf_counter()
        for number, event in enumerate(events):
            while (wait := start + number / rate - time.perf_counter()) > 0:
                show()
                time.sleep(min(wait, REFRESH_S))
            show()
            self.board.publishing(event)
            publisher.publish(event)
            self._place.replayed += 1
        self._keep_place()

    def _await_lists(self, show: Callable[[], None]) -> None:
        end = time.monotonic() + LAST_LISTS_WITHIN_S
        while self.board.awaited and time.monotonic() < end:
            show()
            time.sleep(0.05)

    @contextmanager
    def _showing(self, total: int) -> Iterator[Callable[[], None]]:
        """A function that keeps the view current, and the demo honest about its processes.

        Called often; it works a few times a second. Without a terminal it prints a line now and then.
        """
        next_at = 0.0

        def show() -> None:
            nonlocal next_at
            if time.monotonic() < next_at:
                return
            self._stack.check()
            self._count_dead_letters()
            if self._page and self.board.first_list_at:
                self._page.look()
            if live.is_started:
                live.update(view.render(self.board, self._titles, total), refresh=True)
                next_at = time.monotonic() + REFRESH_S
            else:
                self._console.print(view.line(self.board, total))
                next_at = time.monotonic() + QUIET_EVERY_S

        live = Live(console=self._console, auto_refresh=False, screen=False)
        try:
            if self._console.is_terminal:
                live.start()
            yield show
            next_at = 0.0
            show()
        finally:
            self._keep_place()
            live.stop()

    def _count_dead_letters(self) -> None:
        self.board.dead_letters = self._stack.sizes.records(topics.DEAD_LETTERS.name) - self._dead_letters_before

    def _keep_place(self) -> None:
        self._place_file.write_bytes(msgspec.json.encode(self._place))


def _rounded(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits)
