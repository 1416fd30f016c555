"""What is asked for never reaches the pictures that came with somebody else's questions."""

import pytest

from deepseek_mm.errors import BadQuestion
from deepseek_mm.serve.asked import WhereIn
from index import LIBRARY


def test_a_search_never_looks_at_the_pictures_of_others_questions():
    with pytest.raises(BadQuestion, match="no collection"):
        WhereIn(collection="uploads").filter()
    assert [WhereIn(collection=each).filter().collection for each in (None, "", "Sky")] == [LIBRARY, LIBRARY, "Sky"]
