"""Customers from a file."""

from pathlib import Path

import pytest

from streams.clients.errors import UnreadableFile
from streams.contract.email_messages import Customer
from streams.emails.customer_files import read_customers


def test_each_line_is_a_customer_and_the_last_one_counts(tmp_path: Path) -> None:
    file = tmp_path / "customers.jsonl"
    lines = [
        '{"user_id": "ada", "email": "ada@home.example", "zone": "Europe/London"}',
        '{"user_id": "alan", "unsubscribed": true, "more": "is ignored"}',
        "",
        '{"user_id": "ada", "email": "ada@work.example"}',
    ]
    file.write_text("\n".join(lines))
    assert read_customers(file) == {
        "ada": Customer("ada", "ada@work.example"),
        "alan": Customer("alan", unsubscribed=True),
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"email": "ada@home.example"}', "line 2: user_id: this field is required and missing"),
        ('{"user_id": "ada", "zone": 1}', "line 2: zone: Expected `str`, got `int`"),
        ("ada,ada@home.example", "line 2: is not JSON"),
    ],
)
def test_a_line_that_is_none_is_named_without_its_address(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "customers.jsonl"
    file.write_text('{"user_id": "alan"}\n' + line)
    with pytest.raises(UnreadableFile, match=words) as caught:
        read_customers(file)
    assert "@" not in str(caught.value)
