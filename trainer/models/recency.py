"""How long ago something was bought, in bins: as A. Carta, "Building a RNN Recommendation Engine with TensorFlow"
(Decathlon, 2021), feeds it to an LSTM."""

import numpy as np

from serving.features import DAY_S, Int32s, Int64s

RECENCY_BUCKETS = 100
"""Bins over RECENCY_DAYS; 0 is padding."""
RECENCY_DAYS = 365
_BUCKET_SECONDS = RECENCY_DAYS * DAY_S / RECENCY_BUCKETS


def recency_buckets(age: Int64s) -> Int32s:
    """Seconds since the purchase as 1 (just now, or ahead) to RECENCY_BUCKETS (a year or more)."""
    return (1 + np.clip(age / _BUCKET_SECONDS, 0, RECENCY_BUCKETS - 1)).astype(np.int32)
