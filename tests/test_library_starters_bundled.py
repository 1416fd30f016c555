"""Questions to begin with over the bundled photos, by the shipped models: an answer that is wrong is a bug.

What each photo shows was looked up by eye. A question that is not here yet: look at the photos, then write it down.
"""

from pathlib import Path

import pytest

from deepseek_mm.config import Config, LMConfig
from deepseek_mm.factory import load
from deepseek_mm.jobs import Jobs, follow
from deepseek_mm.library.starters import STARTERS, find_starters
from deepseek_mm.types import Question

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
pytestmark = [pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
CARTONS = {f"shop-{name}" for name in ("milk-shelf", "oat-yoghurt-shelf", "milk-carton", "vanilla-yoghurt")} | {
    "shop-grapefruit-juice",
    "shop-soya-drink",
}
MOUNTAINS = {"meadow-mountains", "lake-mountains"}
SOME = ("Show me something", "给我看")  # is answered by some, others by all
RIGHT = {
    "Which photos show cartons?": CARTONS,
    "How many photos show cartons?": CARTONS,
    "Which photos show mountains?": MOUNTAINS,
    "How many photos show mountains?": MOUNTAINS,
    "Is there a banana?": {"shop-bananas"},
    "Is there a bell pepper?": {"shop-peppers-red"},
    "Is there a bird?": {"bird-osprey"},
    "Show me something brown.": {"sweater-brown", "shop-mushrooms", "dogs-window"},
    "Show me something beige.": {"cardigan-beige"},
    "哪些照片里有纸盒？": CARTONS,
    "哪些照片里有山？": MOUNTAINS,
    "有几张照片里有山？": MOUNTAINS,
    "有香蕉吗？": {"shop-bananas"},
    "有甜椒吗？": {"shop-peppers-red"},
    "有鸟吗？": {"bird-osprey"},
    "给我看米色的东西": {"cardigan-beige"},
}


def wait_for(jobs: Jobs, job_id: int) -> None:
    *_, last = follow(jobs, job_id)
    assert last.state == "done", last.message


def test_every_question_to_begin_with_is_answered_rightly_over_the_bundled_photos(tmp_path):
    with load(Config(data=tmp_path / "library", lm=LMConfig(name="none"))) as assistant:
        library = assistant.library
        library.start()
        photos = sorted(str(path) for path in PHOTOS.iterdir() if path.suffix in (".jpg", ".png"))
        wait_for(library.jobs, library.add(photos).id)
        for language in ("en", "zh"):
            assert find_starters(library.jobs, assistant.store, language).is_trying
            wait_for(library.jobs, library.jobs.find(kinds=(STARTERS,), limit=1)[0].id)
            found = find_starters(library.jobs, assistant.store, language)
            assert len(found.questions) >= 4
            assert len(found.searches) >= 3
            for question in found.questions:
                answer = assistant.ask(Question(text=question))
                cited = {Path(citation.region.source.path).stem for citation in answer.citations}
                assert cited, answer.text
                assert cited <= RIGHT[question], answer.text
                assert cited == RIGHT[question] or question.startswith(SOME), answer.text
