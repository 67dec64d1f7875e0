import numpy as np

from bertcli.data.coverage import tokens_covered
from bertcli.data.plan import Plan


def plan_of(*bounds):
    count = len(bounds)
    return Plan(
        bounds=np.array(bounds, dtype=np.int64).reshape(-1, 2),
        segments=np.zeros(count, np.int8),
        first_piece=np.arange(count + 1),
        relation=np.full(count, -1, np.int8),
    )


def test_a_token_in_several_examples_counts_once(make_store):
    store = make_store()
    # 10 to 30, then 25 to 28 within it, and 50 to 60: 30 tokens.
    assert tokens_covered(store, plan_of((50, 60), (10, 20), (15, 30), (25, 28))) == 30 / store.tokens


def test_the_first_examples_use_what_is_theirs(make_store):
    store, plan = make_store(), plan_of((50, 60), (10, 20), (15, 30))
    assert [tokens_covered(store, plan, count) * store.tokens for count in range(4)] == [0, 10, 20, 30]


def test_no_example_uses_no_token(make_store):
    assert tokens_covered(make_store(), plan_of()) == 0.0
