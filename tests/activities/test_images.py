"""An image that never becomes available ends the bake with AWS's reason."""

from __future__ import annotations

import pytest

from activities.images import ImageRef, Images
from domain.errors import BakeFailed
from tests.activities.replies import Replies


@pytest.mark.parametrize("state", ["failed", "invalid", "error"])
def test_an_image_that_never_comes_is_told_in_aws_own_words(state: str) -> None:
    described = {
        "ImageId": "ami-1",
        "State": state,
        "StateReason": {"Message": "Snapshot creation failed"},
    }
    replies = Replies(DescribeImages={"Images": [described]})

    with pytest.raises(BakeFailed, match=f"ami-1 is {state}: Snapshot creation failed"):
        Images(replies.aws).image_available(ImageRef(region="eu-west-1", id="ami-1"))
