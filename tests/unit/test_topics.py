"""The topics' settings say what the architecture promises of them."""

import pytest

from streams.contract import messages, topics
from streams.contract.topic_settings import mismatches
from streams.contract.topics import TOPICS, Topic, TopicLayout


def test_topics_that_hold_state_keep_the_newest_of_each_key() -> None:
    compacted = {topic.name for topic in TOPICS if topic.config["cleanup.policy"] == "compact"}
    assert compacted == {"purchase-log", "recommendations", "model-versions", "items", "customers"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: str(topic.name))
def test_only_topics_that_may_forget_have_a_retention(topic: Topic) -> None:
    assert ("retention.ms" in topic.config) == ("delete" in topic.config["cleanup.policy"])


@pytest.mark.parametrize("topic", [topics.PURCHASES, topics.DEAD_LETTERS], ids=lambda topic: str(topic.name))
def test_an_event_over_the_limit_still_gets_to_the_dead_letters(topic: Topic) -> None:
    assert int(topic.config["max.message.bytes"]) > 2 * messages.MAX_VALUE_BYTES


def test_purchases_and_what_follows_from_them_share_their_partitions() -> None:
    layout = TopicLayout(partitions=12)
    by_user = (topics.PURCHASES, topics.PURCHASE_LOG, topics.RECOMMENDATIONS, topics.OUTCOMES)
    assert {layout.partitions_of(topic) for topic in by_user} == {12}
    assert {layout.partitions_of(topic) for topic in (topics.MODEL_VERSIONS, topics.ITEMS)} == {1}


@pytest.mark.parametrize(
    ("layout", "in_sync"),
    [(TopicLayout(), 1), (TopicLayout(replication_factor=3), 2), (TopicLayout(1, 3, 3), 3), (TopicLayout(1, 2, 2), 2)],
)
def test_all_but_one_replica_must_have_a_record_unless_it_is_said_otherwise(layout: TopicLayout, in_sync: int) -> None:
    assert {layout.config_of(topic)["min.insync.replicas"] for topic in TOPICS} == {str(in_sync)}


def test_every_topic_stamps_records_itself() -> None:
    everything = (*TOPICS, *topics.changelogs("group"))
    assert {TopicLayout().config_of(topic)["message.timestamp.type"] for topic in everything} == {"LogAppendTime"}


WANTED = {"cleanup.policy": "compact,delete", "max.message.bytes": "100", "retention.ms": "5"}


@pytest.mark.parametrize(
    ("found", "settings"),
    [
        (WANTED, []),
        ({"cleanup.policy": "delete,compact", "max.message.bytes": "101", "retention.ms": "9"}, []),
        ({"cleanup.policy": "delete", "max.message.bytes": "99"}, ["cleanup.policy", "max.message.bytes"]),
        ({}, ["cleanup.policy", "max.message.bytes"]),
    ],
)
def test_settings_are_compared_as_it_matters(found: dict[str, str], settings: list[str]) -> None:
    assert [each.setting for each in mismatches("t", WANTED, found)] == settings
