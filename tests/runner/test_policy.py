from __future__ import annotations

import pytest

from incremental.pipeline import node
from incremental.runner.policy import FailurePolicy


@pytest.mark.parametrize(
    ("tags", "retries", "timeout"),
    [
        ([], 1, 5.0),
        (["retry-3"], 3, 5.0),
        (["retry-0", "timeout-2.5"], 0, 2.5),
        (["retry-1", "retry-2", "other"], 2, 5.0),
        (["retry-often", "timeout-safe", "retry-", "timeout--1"], 1, 5.0),
    ],
)
def test_a_tag_of_a_node_goes_before_what_the_run_says(tags, retries, timeout):
    policy = FailurePolicy(retries=1, timeout=5.0)
    one = node(len, "a", "b", name="n", tags=tags)
    assert (policy.retries_of(one), policy.timeout_of(one)) == (retries, timeout)


def test_by_default_nothing_is_tried_again_and_nothing_is_timed():
    one = node(len, "a", "b", name="n")
    assert FailurePolicy().retries_of(one) == 0
    assert FailurePolicy().timeout_of(one) is None


def test_pauses_double_up_to_a_minute():
    policy = FailurePolicy(backoff=0.5)
    assert [policy.pause(attempt) for attempt in (1, 2, 3, 9, 9999)] == [0.5, 1.0, 2.0, 60.0, 60.0]
