"""Near-copies: shared runs of five words."""

from bertcli.text.near_copies import NearCopies, runs_of

TEXT = "Return the sum of all elements over the given axis of the array"


def test_runs_are_five_words_in_lower_case():
    assert runs_of("A b c, d E f") == {("a", "b", "c", "d", "e"), ("b", "c", "d", "e", "f")}
    assert runs_of("Too short") == {("too", "short")}


def test_a_copy_with_a_changed_word_at_its_end_is_found():
    near = NearCopies(["something else entirely, of many other words", TEXT])
    assert TEXT in near
    assert TEXT.replace("array", "matrix").upper() in near


def test_a_text_inside_a_longer_one_is_found_from_both_sides():
    longer = f"{TEXT}. " + " ".join(f"word{number}" for number in range(100))
    assert longer in NearCopies([TEXT])
    assert TEXT in NearCopies([longer])


def test_other_texts_are_not_near():
    near = NearCopies([TEXT])
    assert "Return the product of all elements along one axis of the array" not in near
    assert "" not in near
    assert TEXT not in NearCopies([])


def test_half_of_the_shorter_text_s_runs_is_the_bound():
    # 9 words are 5 runs. A changed 7th word spoils the last 3 runs: 2 of 5 are shared. A changed 8th spoils 2: 3 of 5.
    words = list("abcdefghi")
    near = NearCopies([" ".join(words)])
    assert " ".join([*words[:6], "x", *words[7:]]) not in near
    assert " ".join([*words[:7], "x", *words[8:]]) in near
