"""What is asked for never reaches the pictures that came with somebody else's questions."""

import pytest
from pydantic import ValidationError

from deepseek_mm.api.task_schemas import AskIn, WhereIn
from deepseek_mm.api.tasks import question_of
from deepseek_mm.errors import BadQuestion
from index import LIBRARY


def test_a_search_never_looks_at_the_pictures_of_others_questions():
    with pytest.raises(BadQuestion, match="no collection"):
        WhereIn(collection="uploads").filter()
    assert [WhereIn(collection=each).filter().collection for each in (None, "", "Sky")] == [LIBRARY, LIBRARY, "Sky"]


def test_formats_and_kinds_that_nobody_knows_are_refused_with_the_nearest_one():
    where = WhereIn(formats=["jpg", "PDF"], kinds=["photos", "document"]).filter()
    assert (where.formats, where.source_kinds) == (("jpeg", "pdf"), ("photo", "document"))
    with pytest.raises(BadQuestion, match="pfd is not known; the nearest is pdf"):
        WhereIn(formats=["pfd"]).filter()
    with pytest.raises(BadQuestion, match="whole is none of photo, video, document, code"):
        WhereIn(kinds=["whole"]).filter()


def test_a_question_may_be_about_code_and_about_nothing_that_is_not_known():
    asked = AskIn(question="who calls load?", about="code")
    assert question_of(asked, None).about == "code"
    assert question_of(AskIn(question="a dog?"), None).about == "photos"
    assert [question_of(AskIn(question="x", run=run), None).run for run in (True, False)] == [
        True,
        False,
    ]
    with pytest.raises(ValidationError, match="about"):
        AskIn(question="who calls load?", about="cats")
