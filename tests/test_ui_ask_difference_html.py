"""What differs between an answer and the one that was given in its place, on the page."""

import re
from dataclasses import replace

from deepseek_mm.types import Act, Answer, Citation, Request, Verdict
from index import Region, Source
from ui.ask.difference_html import render_difference
from ui.words import CHINESE, ENGLISH

EARS = re.compile(r'<span class="for-ears">[^<]*</span>')


def cite(name: str, **fields) -> Citation:
    region = Region(source=Source(path=f"/a/{name}"), **{"kind": "whole", "box_px": (0, 0, 9, 9)} | fields)
    return Citation(number=1, region=region, score=0.5)


def verdict(answer: str) -> Verdict:
    return Verdict(answer=answer, chance=0.9, outcome="sure")


BEFORE = Answer(
    text="I count 2 <b>cups</b> [1].", citations=(cite("cat.jpg"),), confidence=0.75, turn=6, verdict=verdict("2")
)
AFTER = replace(
    BEFORE,
    text="I count 3 <b>cups</b> [1].",
    citations=(cite("dog.jpg"),),
    confidence=0.4,
    turn=7,
    verdict=verdict("3"),
)


def test_words_evidence_number_and_certainty_are_told_before_and_after():
    html = render_difference(BEFORE, AFTER, ENGLISH)
    assert "I count <del>2</del> <ins>3</ins> &lt;b&gt;cups&lt;/b&gt; [1]." in EARS.sub("", html)
    assert "New evidence: dog.jpg" in html
    assert "No longer cited: cat.jpg" in html
    assert "The witnesses: 2 before, 3 now" in html
    assert "How sure: 75 % before, 40 % now" in html


def test_another_box_of_the_same_photo_is_told_without_its_numbers():
    first, second = (cite("cat.jpg", kind="part", box_px=(n, 0, 50, 50)) for n in (1, 2))
    html = render_difference(replace(BEFORE, citations=(first,)), replace(BEFORE, turn=7, citations=(second,)), ENGLISH)
    assert "Another place in: cat.jpg</p>" in html
    assert "New evidence" not in html


def test_the_same_answer_is_said_to_be_the_same_and_its_text_is_not_told_again():
    html = render_difference(BEFORE, replace(BEFORE, turn=7), ENGLISH)
    assert ENGLISH.changed_nothing in html
    assert "cups" not in html
    assert "before" not in html


def test_another_understanding_is_told():
    acts = [Request(acts=(Act(kind=kind, text="cups", subject="cups"),)) for kind in ("find", "count")]
    html = render_difference(replace(BEFORE, request=acts[0]), replace(AFTER, request=acts[1]), ENGLISH)
    assert ENGLISH.changed_request in html
    assert ENGLISH.changed_request not in render_difference(BEFORE, AFTER, ENGLISH)


def test_nothing_is_told_of_an_answer_that_came_first_or_did_not_end():
    assert render_difference(None, AFTER, ENGLISH) == ""
    assert render_difference(BEFORE, replace(AFTER, state="stopped"), ENGLISH) == ""
    assert render_difference(AFTER, AFTER, ENGLISH) == ""  # a program was run again over the same answer


def test_it_is_told_in_chinese_where_the_page_is():
    html = render_difference(BEFORE, replace(AFTER, confidence=None), CHINESE)
    assert "之前 75 %，现在 未知" in html
    assert "新增依据：dog.jpg" in html
