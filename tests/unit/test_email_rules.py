"""Rules of emails: what the file may hold, and with which words the rest is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from deploy import stack
from streams.emails.errors import InvalidRules
from streams.emails.rules import Rules, checked, read_rules
from tests.emails_made import SENDING

EXAMPLE = Path(stack.__file__).parents[1] / "emails.example.toml"


def test_the_example_holds_every_rule_with_its_default() -> None:
    example = read_rules(EXAMPLE)
    assert example == Rules(sending=example.sending)
    for section in ("sending", "change", "timing", "limits", "control"):
        for name in getattr(example, section).__struct_fields__:
            assert f"\n{name} = " in EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        ("limits", {"per_wek": 2}, r"limits: Object contains unknown field `per_wek`"),
        ("limits", {"per_week": 0}, r"limits\.per_week: Expected `int` >= 1"),
        ("control", {"share": 1.5}, r"control\.share: Expected `float` <= 0\.9"),
        ("timing", {"quiet_from": "late"}, r"timing\.quiet_from: Invalid RFC3339"),
        ("timing", {"quiet_from": "21:00:00Z"}, r"timing\.quiet_from has a zone; expected wall time"),
        ("timing", {"zone": "London"}, r"timing\.zone is 'London'; expected a name of the IANA time zones"),
        ("timing", {"valid_hours": 24, "wait_after_purchase_hours": 24}, r"valid_hours is 24, .* before 24 hours"),
        ("sending", SENDING | {"sender": "the shop"}, r"sending\.sender is 'the shop'; expected an address"),
        ("sending", SENDING | {"sender": ""}, r"sending\.sender: Expected `str` of length >= 1"),
        ("sending", SENDING | {"click_url": "http://shop.example"}, r"sending\.click_url .* begins with https://"),
        ("sending", SENDING | {"click_url": "javascript://localhost/"}, r"sending\.click_url .* begins with https://"),
        ("sending", SENDING | {"click_url": "https://[shop"}, r"sending\.click_url .* begins with https://"),
        ("sending", SENDING | {"item_url": "https://shop.example"}, r"sending\.item_url .* expected \{item_id\} in it"),
        ("sending", SENDING | {"templates": "/nowhere"}, r"sending\.templates is '/nowhere'; expected a folder"),
        ("sending", {}, r"sending\.shop: this field is required and missing"),
    ],
)
def test_what_the_rules_may_not_hold(section: str, values: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRules, match=words) as caught:
        checked({"sending": SENDING} | {section: values})
    assert "\n" not in str(caught.value)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    with pytest.raises(InvalidRules, match=r"rules\.toml: cannot be read"):
        read_rules(file)
    file.write_text("[limits")
    with pytest.raises(InvalidRules, match=r"rules\.toml: is not TOML"):
        read_rules(file)
    file.write_text("[limits]\nper_week = 'two'")
    with pytest.raises(InvalidRules, match=r"rules\.toml: limits\.per_week: Expected `int`"):
        read_rules(file)


def test_a_customer_without_a_zone_that_exists_has_the_shops() -> None:
    rules = checked({"sending": SENDING, "timing": {"zone": "Europe/London"}})
    assert rules.zone_of("Asia/Tokyo").key == "Asia/Tokyo"
    assert rules.zone_of("").key == rules.zone_of("Moon/Tranquility").key == "Europe/London"


def test_what_has_a_bearing_on_a_decision_is_remembered() -> None:
    rules = checked({"sending": SENDING, "limits": {"bought_days": 30}})
    assert rules.remembered == timedelta(days=30)
