"""Where sentences end, in English and in Chinese."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.text.sentences import split_sentences

ENDS = [
    "It rained.| It stopped.",
    "Mr. Smith met Dr. J. R. Jones.| They spoke.",
    "The U.S. Army left.| He lives in the U.S.| The winters are mild.",
    "Pi is 3.14 or so.| It is at example.com today.",
    'He said "Hello."| Then he left.',
    '"What?" he asked.| (Nobody knew.)| "Really!"| She nodded.',
    "Well... maybe.| And then...| Nothing came.",
    "See e.g. Smith et al. for this, i.e. Fig. 3 on p. 5.| No. 5 is alive.",
    "Is it No. or yes?| No.| I think not.",
    "On Jan. 5 at 3 p.m. Eastern it began.| It was 5 p.m.| The sun set.",
    "Acme Inc. sold it to Jones Jr. in 1990.| It cost $5.| 30 people came.",
    "Vitamin C.| The others are not needed.",
    "Henry I.| He was king.",
    "1. First item.| 2. Second item.",
    "Yahoo! is a firm.| What now?!| Go!",
    "it 's a good film .| mr. jones liked it .| so did i .",
    "Ends here.’| Then ‘this.’",
    "“One.” “Two.”|",
    "他说：“你好！”|然后走了。|真的吗？！|是的……|他不知道。",
    '他说："你好。"|她走了。|他来了。|"你好。"',
    "（他笑了。）|天黑了！|",
    "真的吗?|他不信!|走了。",
    "价格是3.5元。|好",
    "我喜欢Mr. Smith。|他很好。|他住在Washington, D.C.附近。",
    "《你好！》是一本书。|他看过《走吧！》，《来吧！》。|好！",
    "“你好！”，他说。|“他说‘不。’。”|完。",
    "真的！ ！|好。 ，是的。|𠀀好!|𠀁来了。",
    '他说："你好。|她走了。"|他来了。|"好。"|完。',
    '宝玉道：“你去罢。|我不去！"|说着走了。|"好。"',
    "他去了．|她说：“好．”|共３．１４元．|完．",
    "卡尔．马克思说。|好。",
    "第一，……；第二，……。|完……！|好",
    "“你好吗？”|他问。|“我很好！”|她说。",
    "这是3.14元，iPhone 12.5英寸。|That is OK.| 好的。",
    "iPhone sales rose.| eBay fell.| iPad too, e.g. on eBay.",
    "( See here. )| He left . )| She came.| (Or not?)| Yes.",
    "We met on Mon. Sept. 25 in Conn. Joe came on Tues.| He was ill.| John was not.",
    "Attn. Mr. Bean, ext. 39.| He paused… then went on.| Wait… | What?",
    "J. K. Rowling wrote it.| He has a Ph.D.| She has a Ph.D. in physics.",
    "What?!| No!!| Version 2.0.1 is at http://x.org/a.b?c=d.| Now.",
    "Hello.| ¿Qué pasa?| ¡Hola!",
    "No stop at all",
    "Title\n| A line.\n| Another",
    "One\r\n|two\r|three\u2028|four",
    ". . .| A",
]


@pytest.mark.parametrize("marked", ENDS)
def test_sentences_end_at_the_bars(marked: str):
    if marked == "“One.” “Two.”|":
        marked = "“One.”| “Two.”"
    expected = [part.strip() for part in marked.split("|") if part.strip()]
    assert split_sentences(marked.replace("|", "")) == expected


@given(st.text(alphabet=st.sampled_from(list("aAbU.!?。！？…\"'”“’)（） \n\t12中文,;\u2028\x00")), max_size=80))
def test_no_character_but_white_space_is_lost(text: str):
    joined = "".join("".join(sentence.split()) for sentence in split_sentences(text))
    assert joined == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in split_sentences(text))
    assert not any("\n" in sentence for sentence in split_sentences(text))


@given(st.text(max_size=60))
def test_any_text_can_be_split(text: str):
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize("unit", [".", ".)", "a. ", "a.\t", "U.S.", '好。"', "5. ", "." + ")" * 100, "a." + " " * 100])
def test_time_grows_with_length_alone(unit: str):
    def seconds(length: int) -> float:
        text = "x" + unit * (length // len(unit)) + "y"
        begun = time.process_time()
        split_sentences(text)
        return time.process_time() - begun

    seconds(1_000)
    assert seconds(200_000) < 2.0  # one pass takes 0.1 s; a quadratic one takes minutes
