"""A citation keeps at which time of a video it lies: in the history, in what is shared, in JSON."""

from deepseek_mm.history import History
from deepseek_mm.shapes import region_shape
from deepseek_mm.types import Answer, Citation, Question
from index import Region, Source

CLIP = Source(id=7, path="/a/clip.mp4", format="mp4", width_px=400, height_px=200, duration_ms=72_000)
CITED = Citation(number=1, region=Region(id=3, source=CLIP, box_px=(0, 0, 9, 9), at_ms=12_500), score=0.5)


def test_an_answer_from_the_history_still_leads_to_the_moment(tmp_path):
    history = History(tmp_path / "history.db")
    conversation, turn = history.begin(Question(text="does the dog jump?"), image_path="", settings={}, fingerprint="")
    history.finish(turn, Answer(text="It does [1].", citations=(CITED,)))
    (told,) = history.turns(conversation, session="")
    assert told.answer.citations == (CITED,)
    history.close()


def test_json_says_the_time_and_a_region_names_its_picture_by_it():
    assert region_shape(CITED.region)["at_ms"] == 12_500
    assert CITED.region.view == 12_500
    page = Region(source=Source(path="/a/b.pdf", kind="document", format="pdf"), box_px=(0, 0, 9, 9), page=2)
    assert (page.view, page.source.is_video, CLIP.is_video) == (2, False, True)
