import numpy as np

from bertcli.data.chains import reached


def test_a_chain_goes_from_one_to_the_next_until_it_leaves():
    found, after = reached(np.array([2, 9, 3, 5, 5]))
    assert found.tolist() == [0, 2, 3]
    assert after == 5


def test_a_chain_of_nothing_is_empty():
    found, after = reached(np.zeros(0, dtype=np.int64))
    assert found.dtype == np.int64
    assert (found.tolist(), after) == ([], 0)
