"""What stands in paths and queries, as the contract limits it."""

from typing import Annotated

from fastapi import Path, Query

_LONGEST = 256

UserId = Annotated[str, Path(min_length=1, max_length=_LONGEST, examples=["12680"])]
"""The shop's own id of the customer."""
ItemId = Annotated[str, Path(min_length=1, max_length=_LONGEST, examples=["22613"])]
"""The shop's own id of the item."""
EventId = Annotated[str, Query(min_length=1, max_length=_LONGEST)]
"""Of an event that was published."""
HowMany = Annotated[int, Query(ge=1, le=32, description="How many items, at most.")]
"""No version answers more than 32 items."""
