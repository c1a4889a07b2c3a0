"""The topics' settings say what the architecture promises of them."""

import pytest

from streams.contract import messages, topics
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
