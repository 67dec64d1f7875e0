import numpy as np

from bertcli.core.ranges import ranges


def test_ranges_follow_one_another():
    assert ranges(np.array([5, 9, 0]), np.array([3, 0, 2])).tolist() == [5, 6, 7, 0, 1]
    assert ranges(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).tolist() == []
