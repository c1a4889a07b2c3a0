"""One page that is open in a browser: one customer at a time, and what happens to them."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from fastapi.concurrency import run_in_threadpool
from nicegui import ui
from nicegui.events import GenericEventArguments

from streams.contract.messages import RecommendationList
from streams.gateway.services import Gateway
from streams.histories.history import History
from streams.page import basket, render
from streams.page.customer import list_shown, orders_shown
from streams.page.layout import SHARED, Layout
from streams.page.live import Live, Screen
from streams.page.versions import TRIALS
from streams.page.wording import clipped, milliseconds

LONGEST_ID = 256


class Visit:
    """What a visitor does and sees; `layout` is where it is shown."""

    def __init__(self, gateway: Gateway, live: Live, layout: Layout, customer: str) -> None:
        self._gateway = gateway
        self._live = live
        self._layout = layout
        self._customer = customer[:LONGEST_ID]
        self._list_id = ""
        self._searched = ""
        self._looks = 0
        self._is_buying = False
        self._last_order_at: datetime | None = None
        layout.on_choose(self._choose_clicked)
        layout.on_new_customer(self._choose_new)
        layout.on_buy(self._buy_clicked)
        layout.on_search(self._search)
        layout.on_promote(self._promote_clicked)
        layout.on_roll_back(self._roll_back_clicked)
        layout.on_try(self._try_clicked)
        layout.on_stop(self._stop_clicked)

    async def begin(self) -> None:
        """Show the customer who was asked for, or the one who got a list last, or a new one."""
        screen = self._live.screen()
        self._shelve(screen)
        await self._choose(self._customer or next(iter(screen.recent), "") or basket.new_customer())
        await self.show(screen)

    async def show(self, screen: Screen) -> None:
        """Bring up to date what has changed."""
        made = self._gateway.views.standing_list(self._customer)
        if made is not None and made.list_id != self._list_id and not self._is_buying:
            await self._show_customer(made, None)
            self._layout.announce("")
        # From here on nothing is waited for, so that all of it goes in one message.
        for name in SHARED:
            self._layout.put(name, getattr(screen, name))
        self._layout.put("customers", render.customers(screen.recent, self._customer))
        if not self._searched:
            self._shelve(screen)

    async def _choose(self, customer: str) -> None:
        self._customer = customer
        self._layout.name(customer)
        await self._show_customer(self._gateway.views.standing_list(customer), None)

    async def _show_customer(self, made: RecommendationList | None, waited_ms: float | None) -> None:
        self._looks += 1
        look = self._looks
        past = await run_in_threadpool(self._gateway.views.history, self._customer)
        if look != self._looks:
            return  # something newer is being shown
        item_of = self._live.watch.item
        self._list_id = made.list_id if made else ""
        self._last_order_at = last_order_at(past)
        shown = list_shown(made, item_of) if made else None
        self._layout.put("recommended", render.recommended(shown, waited_ms))
        self._layout.put("history", render.history(orders_shown(past, item_of)))

    async def _buy(self, item_id: str) -> None:
        """One at a time: a second click while the first one waits for its list is not another purchase."""
        if self._is_buying:
            return
        self._is_buying = True
        try:
            await self._buy_and_show(item_id)
        finally:
            self._is_buying = False

    async def _buy_and_show(self, item_id: str) -> None:
        customer = self._customer
        self._layout.announce("")
        at = basket.moment_of(self._live.watch.shop_at, datetime.now(UTC))
        if self._last_order_at is not None:
            at = max(at, self._last_order_at + timedelta(seconds=1))
        bought = await basket.buy(self._gateway, basket.purchase_of(customer, item_id, at))
        if bought.made is None:
            self._layout.announce(bought.trouble, is_trouble=True)
        elif customer == self._customer:
            await self._show_customer(bought.made, bought.milliseconds)
            self._layout.announce(told(bought.made, bought.milliseconds))

    def _search(self, text: str) -> None:
        self._searched = text.strip()[:LONGEST_ID]
        self._shelve(self._live.screen())

    def _shelve(self, screen: Screen) -> None:
        found = self._live.watch.search(self._searched) if self._searched else screen.popular
        self._layout.put("shelf", render.shelf(found, clipped(self._searched, 60)))

    async def _choose_clicked(self, event: GenericEventArguments) -> None:
        customer = str(event.args)[:LONGEST_ID].strip()
        if customer:
            await self._go_to(customer)

    async def _choose_new(self) -> None:
        await self._go_to(basket.new_customer())

    async def _go_to(self, customer: str) -> None:
        """From here on the address names the customer, so that the same one is there after a reload."""
        ui.navigate.history.replace(f"?customer={quote(customer, safe='')}")
        await self._choose(customer)

    async def _buy_clicked(self, event: GenericEventArguments) -> None:
        await self._buy(str(event.args))

    async def _promote_clicked(self, event: GenericEventArguments) -> None:
        version = int(event.args)
        question = f"Have version {version} answer from now on?"
        if await self._layout.confirm(question, "Promote"):
            await self._live.promote(version)

    async def _roll_back_clicked(self, _event: GenericEventArguments) -> None:
        if await self._layout.confirm("Have the version answer that did before?", "Roll back"):
            await self._live.roll_back()

    async def _try_clicked(self, event: GenericEventArguments) -> None:
        version = int(event.args)
        question = f"How is version {version} tried beside the one that answers?"
        chosen = await self._layout.choose(question, [trial.words for trial in TRIALS], "Try")
        if chosen is not None:
            await self._live.challenge(version, TRIALS[chosen].share)

    async def _stop_clicked(self, event: GenericEventArguments) -> None:
        if await self._layout.confirm(f"Try version {int(event.args)} no longer?", "Stop"):
            await self._live.stop_challenge()


def last_order_at(past: History) -> datetime | None:
    return datetime.fromtimestamp(past.orders[-1].occurred_at / 1000, UTC) if past.orders else None


def told(made: RecommendationList, waited_ms: float) -> str:
    """What a screen reader says when a new list is there."""
    by = f"version {made.model.version}" if made.model else "the fallback"
    return f"New list by {by} after {milliseconds(waited_ms)}: {len(made.entered)} entered, {len(made.left)} left."
