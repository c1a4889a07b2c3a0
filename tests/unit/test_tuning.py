"""What a search finds, keeps, and goes on from; and the file that every run looks at."""

import math
from collections import Counter
from pathlib import Path

import pytest

from tests.unit.test_trainer_history import bought, history_of
from trainer.errors import NotEnoughData, UnreadableData
from trainer.progress import Silent
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings
from trainer.tuning import search as searching
from trainer.tuning.search import Loss, Trials, best, search
from trainer.tuning.tuned import Found, tuned, write

FOUND = Found(0.004, 32, 96, 64, 0.1, 0.5)
SETTINGS = TrainerSettings()


@pytest.fixture
def shop() -> Purchases:
    orders = [
        bought(f"{user}-{n}", n * 7 + user / 60, f"colour {user % 6}", "tea" if n % 2 else "milk", user=f"{user:02}")
        for user in range(50)
        for n in range(6)
    ]
    return history_of(*orders).purchases


class Valley:
    """The loss of settings that nobody has to learn with; it may be interrupted at a trial."""

    def __init__(self, interrupted_at: int | None = None) -> None:
        self.tried: list[tuple[Found, int]] = []
        self._interrupted_at = interrupted_at

    def __call__(self, tried: Found, epochs: int) -> float:
        if len(self.tried) == self._interrupted_at:
            raise KeyboardInterrupt
        self.tried.append((tried, epochs))
        return abs(math.log(tried.learning_rate / 0.002)) + tried.item_dropout / epochs


def test_item_vectors_start_from_all_orders_but_those_that_settings_are_judged_on(
    shop: Purchases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Trials] = []

    def noted(loss: Loss, *_: object, **__: object) -> Found:
        judged.append(loss.__self__)  # type: ignore[attr-defined] # a method of the trials
        return FOUND

    monkeypatch.setattr(searching, "best", noted)
    search(shop, SETTINGS, tmp_path / "trials", 1, Silent(), anew=False)
    (trials,) = judged
    hidden = set(shop.order[trials.validated.moments.before].tolist())
    assert hidden
    assert set(trials.task.known.order.tolist()) == set(shop.order.tolist()) - hidden


def test_the_best_of_all_that_was_tried_is_found_and_few_settings_learn_for_long(tmp_path: Path) -> None:
    valley = Valley()
    found = best(valley, 1, tmp_path / "trials", 9, anew=False)
    again = Valley()
    assert again(found, 9) == min(again(tried, epochs) for tried, epochs in valley.tried)
    tried_for = Counter(epochs for _, epochs in valley.tried)
    assert tried_for[1] > tried_for[9] > 0


def test_an_interrupted_search_goes_on_and_ends_with_what_an_uninterrupted_one_finds(tmp_path: Path) -> None:
    whole, first, second, third = Valley(), Valley(interrupted_at=7), Valley(), Valley()
    expected = best(whole, 1, tmp_path / "whole", 9, anew=False)
    with pytest.raises(KeyboardInterrupt):
        best(first, 1, tmp_path / "cut", 9, anew=False)
    assert best(second, 1, tmp_path / "cut", 9, anew=False) == expected
    assert first.tried + second.tried == whole.tried
    assert best(third, 1, tmp_path / "cut", 9, anew=False) == expected
    assert third.tried == []


def test_a_search_that_begins_anew_forgets_what_was_tried(tmp_path: Path) -> None:
    first, second = Valley(), Valley()
    best(first, 1, tmp_path / "trials", 3, anew=False)
    best(second, 1, tmp_path / "trials", 3, anew=True)
    assert second.tried == first.tried


def test_a_shop_is_learnt_from_with_each_setting_that_is_tried(shop: Purchases, tmp_path: Path) -> None:
    told = Told()
    found = search(shop, SETTINGS, tmp_path / "trials", 2, told, anew=False)
    assert len(told.losses) == len(set(told.losses)) == 2
    assert min(told.losses) < 5
    assert found.put_into(SETTINGS).embedding == found.embedding


class Told(Silent):
    """Remembers the losses."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def noted(self, text: str) -> None:
        self.losses.append(float(text.removeprefix("loss ")))


def test_a_search_needs_enough_orders_to_judge_by(tmp_path: Path) -> None:
    few = history_of(*(bought(str(day), float(day), "a") for day in range(9))).purchases
    with pytest.raises(NotEnoughData, match="holds 8 orders of returning customers; at least 200"):
        search(few, SETTINGS, tmp_path, 2, Silent(), anew=False)


def test_what_was_found_goes_before_the_settings_and_is_told(tmp_path: Path) -> None:
    write(FOUND, tmp_path / "new" / "tuned.toml")
    settings, found = tuned(SETTINGS, tmp_path / "new" / "tuned.toml")
    assert found == FOUND
    assert (settings.learning_rate, settings.batch_size, settings.embedding) == (0.004, 32, 96)
    assert settings.epochs == SETTINGS.epochs
    assert str(found).startswith("learning_rate 0.004, batch_size 32, ")


def test_without_the_file_the_settings_are_as_they_are(tmp_path: Path) -> None:
    assert tuned(SETTINGS, tmp_path / "none") == (SETTINGS, None)
    assert tuned(TrainerSettings(tuned=""), Path()) == (TrainerSettings(tuned=""), None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning_rate = ", "cannot be read"),
        ("learning_rate = 0.1", "cannot be read: Object missing required field"),
        (
            "learning_rate = 9.0\nbatch_size = 1\nembedding = 1\nstate = 1\nitem_dropout = 0.0\nstate_dropout = 0.0\n",
            r"cannot be used: .*learning_rate",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "tuned.toml"
    file.write_text(text)
    with pytest.raises(UnreadableData, match=f"{words}.*nextup tune"):
        tuned(SETTINGS, file)
