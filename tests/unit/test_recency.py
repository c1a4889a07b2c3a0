import numpy as np

from serving.features import DAY_S
from trainer.models.recency import RECENCY_BUCKETS, recency_buckets


def test_recency_is_never_padding_and_ends_after_a_year() -> None:
    days = np.array([-3, 0, 3, 4, 364, 366, 5000], np.int64) * DAY_S
    assert recency_buckets(days).tolist() == [1, 1, 1, 2, RECENCY_BUCKETS, RECENCY_BUCKETS, RECENCY_BUCKETS]
