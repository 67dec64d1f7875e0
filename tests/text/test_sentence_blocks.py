"""Many documents at a time have the sentences that each has alone."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bertcli.text.sentence_blocks import split_all
from bertcli.text.sentences import BEFORE_NAMES, NEVER_LAST, split_sentences

WORDS = [
    *(
        "The",
        "the",
        "ship",
        "sank",
        "I",
        "A",
        "a",
        "B",
        "it",
        "up",
        "1990",
        "12",
        "3",
        "Zinc",
        "iPhone",
        "He",
        "U.S",
        "J",
    ),
    *("(ship)", "(1990)", '"ship"', "“ship”", "ship.", "said", "naïve", "Österreich", "é", "我", "...", "?!", "m.sc"),
    *sorted(NEVER_LAST | BEFORE_NAMES),
    *(word.capitalize() for word in sorted(NEVER_LAST | BEFORE_NAMES)),
]
STOPS = [". ", ". ", ". ", ".", "! ", "? ", ".  ", '." ', ".) ", ". ) ", "… ", "‥", "。", "！", "．", ", ", " ", " "]
LINE_ENDS = ["", "", "", "\n", "\r\n", "\n\n", "\x0b", "\x85", "\u2028", "\x1c", " \n "]
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(STOPS), st.sampled_from(LINE_ENDS)).map("".join), max_size=25
).map("".join)


@given(st.lists(TEXTS | st.text(max_size=30), max_size=6))
@settings(max_examples=400)
@example(["", "one. Two", "", "\n"])
@example(["It was dept. The", "It was 1990. The", "1990. The end. A", "x (1990). The", 'he said "ship". The'])
@example(["a small text. without capitals. The", "all small. b. c approx. X"])
@example(["all small. still small", "Here is one."])
@example(["all small. still small. eBay", "", "A. a small one. B? c", "No capital but É. a small one. b"])
@example(["He met J. B. Smith. J. The end. He met A. And it", 'in the U.S. Army. In the U.S. The army "i.e. The"'])
@example(
    ["it was 5. The", "it was 33. The", "it was $129,000. One", "5. The", "x, 5. The", "1990 5. The", "in . The end"]
)
@example(
    [
        'he said." The',
        'he said." the',
        "he said.' The",
        'he ran. "The',
        'he ran. ("The',
        "he! The ran? The",
        "ran!! The... The",
    ]
)
@example(["No. 5. The. 12 The", "Co. The", "St. Paul", "BK. The", "at. The", "first. The", "final. The end."])
@example([])
def test_sentences_of_many_documents_are_those_of_each(texts):
    block = split_all(texts)
    expected = [split_sentences(text) for text in texts]
    assert block.counts.tolist() == list(map(len, expected))
    assert block.texts() == [sentence for of_text in expected for sentence in of_text]


def test_every_abbreviation_is_looked_at_in_any_case_and_behind_any_letters():
    for word in sorted(NEVER_LAST | BEFORE_NAMES):
        texts = [f"it was {form}. The end. It" for form in (word, word.capitalize(), word.upper(), f"xyz{word}")]
        assert split_all(texts).texts() == [sentence for text in texts for sentence in split_sentences(text)], word
