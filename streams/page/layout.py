"""Where everything stands on the page, and what can be clicked. What it says comes from streams.page.render."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.html import Html
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from streams.page.wording import clipped

SHARED = ("state", "notice", "flow", "latency", "rates", "letters", "versions")
"""The parts that are the same on all pages."""

Clicked: TypeAlias = Callable[[GenericEventArguments], Awaitable[None]]

_CLOSEST = "(event) => {{ const it = event.target.closest('[data-{0}]'); if (it) emit(it.dataset.{1}); }}"
_LEFT_DARK = "() => emit(!document.body.classList.contains('body--dark'))"


class Layout:
    """The elements of one page. Parts that change are HTML as a whole: one message each, whatever changed in it."""

    def __init__(self) -> None:
        self._parts: dict[str, Html] = {}
        self._dark = ui.dark_mode(None)
        self._head()
        self._part("notice", "notice").props("role=status aria-live=polite")
        with ui.element("div").classes("columns"):
            with ui.element("div").classes("shop"):
                self._customer()
                with _card("recommended-card", "Next for this customer"):
                    self._announcement = ui.label().classes("announcement").props("role=status aria-live=polite")
                    self._part("recommended")
                with ui.element("div").classes("pair"):
                    self._shelf()
                    with _card("history-card", "Bought before"):
                        self._part("history")
            with ui.element("div").classes("works"):
                self._works()
        self._question()

    def put(self, part: str, content: str) -> None:
        """Show new content; nothing is sent where it is what stands there already."""
        element = self._parts[part]
        if element.content != content:
            element.set_content(content)

    def name(self, customer: str) -> None:
        """Whose page it is."""
        self._name.set_text(clipped(customer, 60))

    def announce(self, text: str, *, is_trouble: bool = False) -> None:
        """For a screen reader; trouble is for everybody to see."""
        self._announcement.set_text(clipped(text, 300))
        self._announcement.classes(add="trouble" if is_trouble else None, remove=None if is_trouble else "trouble")

    def on_choose(self, handler: Clicked) -> None:
        self._on_click("customers", "customer", handler)
        self._wanted.on("keydown.enter", handler, js_handler="(event) => emit(event.target.value)")

    def on_new_customer(self, handler: Callable[[], Awaitable[None]]) -> None:
        self._new_customer.on_click(handler)

    def on_buy(self, handler: Clicked) -> None:
        for part in ("recommended", "shelf"):
            self._on_click(part, "buy", handler)

    def on_search(self, handler: Callable[[str], None]) -> None:
        def changed(event: ValueChangeEventArguments[Any]) -> None:
            handler(event.value or "")

        self._search.on_value_change(changed)

    def on_promote(self, handler: Clicked) -> None:
        self._on_click("versions", "promote", handler)

    def on_roll_back(self, handler: Clicked) -> None:
        self._on_click("versions", "rollback", handler)

    def on_try(self, handler: Clicked) -> None:
        self._on_click("versions", "try", handler)

    def on_stop(self, handler: Clicked) -> None:
        self._on_click("versions", "stop", handler)

    async def confirm(self, question: str, action: str) -> bool:
        """Ask before something is done that concerns everybody."""
        return await self._answer(question, [], action)

    async def choose(self, question: str, choices: Sequence[str], action: str) -> int | None:
        """Ask, too, how it is done: which of the choices; None where it is not done."""
        return self._choice.value if await self._answer(question, choices, action) else None

    async def _answer(self, question: str, choices: Sequence[str], action: str) -> bool:
        self._asked.set_text(question)
        self._choice.set_options(dict(enumerate(choices)), value=0 if choices else None)
        self._choice.set_visibility(bool(choices))
        self._action.set_text(action)
        return bool(await self._dialog)

    def _on_click(self, part: str, name: str, handler: Clicked) -> None:
        """Of everything in a part that has an attribute `data-<name>`."""
        self._parts[part].on("click", handler, js_handler=_CLOSEST.format(name, name))

    def _head(self) -> None:
        with ui.element("header").classes("head"):
            ui.html('<a class="mark" href="./">nextup</a>', sanitize=False, tag="h1")
            ui.label("what each customer buys next, while they buy").classes("tagline")
            self._part("state", "state-place").props("role=status aria-live=polite")
            shade = ui.button(icon="contrast").props('flat round aria-label="Switch between light and dark"')
            shade.on("click", self._shade, js_handler=_LEFT_DARK)

    def _shade(self, event: GenericEventArguments) -> None:
        self._dark.value = bool(event.args)

    def _customer(self) -> None:
        with _card("customer-card", "Customer"):
            self._name = ui.label().classes("customer-name").props("dir=auto")
            with ui.element("div").classes("choice"):
                self._wanted = ui.input("Customer id").props("outlined dense maxlength=256 autocomplete=off")
                self._new_customer = ui.button("New customer").props("outline no-caps").classes("quiet")
            self._part("customers")

    def _shelf(self) -> None:
        with _card("shelf-card", "In the shop"):
            self._search = ui.input("Search products").props(
                "outlined dense clearable debounce=250 maxlength=256 autocomplete=off type=search"
            )
            self._part("shelf")

    def _works(self) -> None:
        for part, title in (
            ("flow", "Per second"),
            ("latency", "Purchase to list"),
            ("rates", "Was it on the list before?"),
            ("versions", "Versions"),
            ("letters", "Dead letters"),
        ):
            with _card(f"{part}-card", title):
                self._part(part)

    def _question(self) -> None:
        with ui.dialog() as self._dialog, ui.element("div").classes("question"):
            self._asked = ui.label()
            self._choice = ui.radio({}).classes("choices").props('aria-label="How"')
            with ui.element("div").classes("answers"):
                ui.button("Cancel", on_click=lambda: self._dialog.submit(False)).props("flat no-caps autofocus")
                self._action = ui.button(on_click=lambda: self._dialog.submit(True)).props("unelevated no-caps")
        self._dialog.props('aria-label="Please confirm"')

    def _part(self, name: str, classes: str = "") -> Html:
        # The templates have escaped everything already.
        self._parts[name] = ui.html("", sanitize=False).classes(f"part {classes}")
        return self._parts[name]


def _card(name: str, title: str) -> Element:
    """A section with its heading; a context manager."""
    section = ui.element("section").classes(f"card {name}").props(f"aria-labelledby={name}")
    with section:
        ui.html(title, sanitize=False, tag="h2").props(f"id={name} tabindex=-1")
    return section
