"""What the page shows, without a browser: names of all kinds, reasons, pictures, charts, conditions, versions."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from streams.contract.messages import Cause, Item, ModelRef, ModelVersion, RecommendationList, Recommended
from streams.histories.history import History, Order
from streams.page import condition, render
from streams.page.catalogue import MOST_FOUND, Catalogue
from streams.page.charts import HEIGHT, WIDTH, Series, chart, points
from streams.page.customer import MOST_LINES, MOST_ORDERS, list_shown, orders_shown, reason
from streams.page.judging import Rate
from streams.page.pictures import GLYPHS, glyph_of, initials, picture
from streams.page.tally import NO_WAITS, SPAN_S, Waits
from streams.page.versions import Version, may_roll_back, versions_shown
from streams.page.watch import Board
from streams.page.wording import LONGEST_NAME, clipped, name_of

AT = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
ODD_NAMES = {
    "markup": '<script>alert(1)</script><b onmouseover="x">"quoted"</b> & more',
    "emoji": "🍴🎉 Forks 👨‍👩‍👧",
    "right-to-left": "مناديل ورقية للحفلات",
    "override": "safe\u202egnp.exe",
    "long": "x" * 10_000,
    "nothing": " \n\t\x00",
    "lone surrogate": "a\ud800b",
}


class Tags(HTMLParser):
    """All elements and attributes of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def a_list(*item_ids: str, version: int | None = 3, because: str = "mug") -> RecommendationList:
    return RecommendationList(
        list_id="list-1",
        user_id="anna",
        cause=Cause("purchase", "event-1"),
        as_of=AT,
        generated_at=AT,
        source="model" if version else "fallback",
        model=ModelRef("next-purchase", version) if version else None,
        items=[Recommended(rank, item_id, 0.1, [because]) for rank, item_id in enumerate(item_ids, 1)],
        entered=[item_ids[0]],
        left=["spoon"],
    )


def a_board(serving: ModelVersion | None = None, told_at: datetime | None = AT) -> Board:
    return Board(
        purchases=[7] * SPAN_S,
        lists=[5] * SPAN_S,
        waits=[Waits(8.0, 20.0)] * 30,
        overall=Waits(8.2, 213.7),
        rates=[Rate("version 3", 3, 4), Rate("popularity", 1, 4)],
        serving=serving,
        recent=["anna"],
        letters=[],
        n_letters=0,
        popular=[],
        workers_told_at=told_at,
    )


def shelf_and_customers(name: str) -> str:
    id_ = name[:200].replace("\ud800", "")  # no topic can hold it: its values are UTF-8
    return render.shelf([Item(id_, title=name)], clipped(name)) + render.customers([id_], "anna")


SERVING = ModelVersion("next-purchase", 3, AT, "test", AT, AT, 1, {})


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES.keys())
def test_a_name_of_any_kind_stays_text(name: str) -> None:
    shown = list_shown(a_list("fork"), lambda item_id: Item(item_id, title=name))
    html = render.recommended(shown, 12.3)
    html += shelf_and_customers(name)
    seen = Tags(html)
    assert not seen.names & {"script", "img"}
    assert not any(attribute.startswith("on") for attribute in seen.attributes)
    assert "<script" not in html
    assert len(clipped(name)) <= LONGEST_NAME
    assert "\u202e" not in seen.text, "no override of direction reaches beyond its name"
    html.encode("utf-8", "strict")


def test_a_title_that_is_shouted_is_told_calmly_and_others_stay_as_they_are() -> None:
    assert name_of("PACK OF 20 NAPKINS", "1") == "Pack of 20 napkins"
    assert name_of("iPad case for NASA", "1") == "iPad case for NASA"
    assert name_of("", "22613") == "22613"


def test_the_same_name_always_gets_the_same_picture_and_pictures_differ() -> None:
    assert picture("RED MUG", "1") == picture("RED MUG", "2")
    assert len({picture(f"THING {letter}", "1") for letter in "ABCDEFGH"}) > 1


def test_every_picture_is_an_svg_that_fetches_nothing() -> None:
    for title in ["", *ODD_NAMES.values(), *(f"A {word}" for word in GLYPHS)]:
        drawn = picture(title, "22613")
        root = ET.fromstring(drawn)  # noqa: S314 - drawn here
        assert root.tag == "svg"
        assert {child.tag for child in root} <= {"path", "text"}
        assert "href" not in drawn


def test_the_last_word_that_is_known_says_what_a_product_is() -> None:
    assert glyph_of("RED RETROSPOT CAKE TIN") == "box"
    assert glyph_of("XYZZY") == ""
    assert initials("white <script> hanging") == "WS"


def test_a_list_tells_who_made_it_what_entered_and_why() -> None:
    titles = {"mug": "RED MUG", "fork": "Fork", "spoon": "Spoon"}
    shown = list_shown(a_list("fork", "mug"), lambda item_id: Item(item_id, title=titles[item_id]))
    assert shown.source == "next-purchase, version 3"
    assert [(place.product.name, place.because, place.entered) for place in shown.places] == [
        ("Fork", "because of Red mug", True),
        ("Red mug", "bought before", False),
    ]
    assert shown.left == ["Spoon"]
    assert reason("fork", [], Item) == "popular now"


def test_a_fallback_is_called_one() -> None:
    shown = list_shown(a_list("fork", version=None), Item)
    assert shown.is_fallback
    assert "fallback" in render.recommended(shown, None)
    assert "tag-reduced" in render.recommended(shown, None)


def test_who_has_no_list_is_told_what_to_do() -> None:
    assert "first purchase" in render.recommended(None, None)


def test_the_newest_orders_come_first_and_long_ones_are_cut_short() -> None:
    day = 24 * 3600 * 1000
    orders = [Order(number * day, f"e{number}", number, ["a"] * 9, [2] * 9) for number in range(9)]
    shown = orders_shown(History(8, orders), Item)
    assert [order.day for order in shown] == ["9 Jan 1970", "8 Jan 1970", "7 Jan 1970", "6 Jan 1970"]
    assert len(shown) == MOST_ORDERS
    assert len(shown[0].products) == MOST_LINES
    assert shown[0].more == 9 - MOST_LINES
    assert shown[0].products[0].note == "× 2"


def test_products_are_found_by_all_words_of_their_names_the_popular_first() -> None:
    catalogue = Catalogue()
    for number in range(20):
        catalogue.put(Item(f"mug-{number}", title=f"Red MUG {number}", available=number != 1))
    assert [item.item_id for item in catalogue.search("mug RED", ["mug-7", "gone"])][:2] == ["mug-7", "mug-0"]
    assert len(catalogue.search("mug")) == MOST_FOUND
    assert catalogue.search("Red mug 1")[0].item_id == "mug-10", "what is withdrawn is not for sale"
    assert catalogue.search("teapot") == []


def test_an_item_that_was_only_bought_is_found_by_its_id() -> None:
    catalogue = Catalogue()
    catalogue.saw("22613")
    assert catalogue.search("22613") == [Item("22613")]
    catalogue.remove("22613")
    assert len(catalogue) == 0


def test_a_chart_stays_in_its_frame_and_leaves_gaps_open() -> None:
    runs = points([1, 2, None, 50], 10)
    assert [len(run) for run in runs] == [2, 1]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for run in runs for x, y in run)
    assert "p50" not in chart("label", [Series("p50", [None, None])], "ms"), "nothing to draw"


def test_charts_say_in_words_what_they_draw() -> None:
    assert 'aria-label="Of the last minute: 7 purchases and 5 lists per second now"' in render.flow(a_board())
    assert "half within 8.2 ms, 99 of 100 within 214 ms" in render.latency(a_board())
    assert "75.0%" in render.rates(a_board())


def test_before_the_first_list_there_is_no_latency() -> None:
    board = Board([], [], [], NO_WAITS, [], None, [], [], 0, [], None)
    assert "half within –" in render.latency(board)


@pytest.mark.parametrize(
    ("expected", "board", "more"),
    [
        (condition.NO_BROKER, a_board(SERVING), {"broker_is_away": True}),
        (condition.READING, a_board(SERVING), {"has_begun": False}),
        (condition.NO_WORKER, a_board(SERVING, None), {}),
        (condition.NO_WORKER, a_board(SERVING, AT - timedelta(seconds=30)), {}),
        (condition.NO_MODEL, a_board(), {}),
        (condition.NO_TRITON, a_board(SERVING), {"model_answers": False}),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    expected: condition.Condition, board: Board, more: dict[str, bool]
) -> None:
    parts = {"has_begun": True, "broker_is_away": False, "model_answers": True} | more
    found = condition.condition(board, AT, **parts)
    assert found == expected
    assert found.sentence.endswith(".")


def test_where_nothing_is_wrong_it_is_said_who_answers() -> None:
    found = condition.condition(a_board(SERVING), AT, has_begun=True, broker_is_away=False, model_answers=True)
    assert found == condition.Condition("fine", "version 3 answers")


def test_versions_can_be_promoted_but_the_one_that_serves_and_those_that_cannot_answer() -> None:
    versions = [
        Version(1, "served before", AT, 0.5),
        Version(2, "serves", AT, 0.6),
        Version(3, "", None, None, "broken"),
    ]
    assert [(shown.number, shown.may_be_promoted) for shown in versions_shown(versions)] == [
        (3, False),
        (2, False),
        (1, True),
    ]
    assert may_roll_back(versions)
    assert not may_roll_back(versions[1:])
    html = render.versions(versions, "", is_busy=False)
    assert html.count("data-promote") == 1
    assert "data-rollback" in html
    assert html.count("disabled") == 0
    assert render.versions(versions, "", is_busy=True).count("disabled") == html.count("<button") == 3


def tried(*roles: str, fault: str = "") -> list[tuple[bool, bool]]:
    """Of each version, the newest first, whether it may be tried, and whether it is."""
    versions = [Version(number, role, AT, 0.5, fault) for number, role in enumerate(roles, 1)]
    return [(shown.may_be_tried, shown.is_tried) for shown in versions_shown(versions)]


def test_a_version_can_be_tried_where_another_answers_and_none_is_tried_yet() -> None:
    assert tried("served before", "serves", "") == [(True, False), (False, False), (True, False)]
    assert tried("", "serves", "canary") == [(False, True), (False, False), (False, False)]
    assert tried("", "serves", "shadow") == [(False, True), (False, False), (False, False)]
    assert tried("", "") == [(False, False), (False, False)]
    assert tried("", "serves", fault="broken") == [(False, False), (False, False)]
