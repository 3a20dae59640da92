from __future__ import annotations

import pytest

from fogbed.clients.object_setup import bucket_policy, open_api
from fogbed.errors import UsageError


def test_a_user_may_do_what_is_needed_in_its_bucket_and_nothing_else():
    statements = bucket_policy("b")["Statement"]
    assert {each for s in statements for each in s["Resource"]} == {
        "arn:aws:s3:::b",
        "arn:aws:s3:::b/*",
    }
    actions = {each for s in statements for each in s["Action"]}
    assert not any("*" in each for each in actions)
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"} <= actions


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://x", "http://", "http://x/bucket"])
def test_what_is_not_the_url_of_a_store_is_refused(endpoint):
    with pytest.raises(UsageError, match="is not the URL of a store"):
        open_api(endpoint, "user", "word")
