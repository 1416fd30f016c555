"""Words that ask for videos alone: typed in the box, said in a question, in three languages."""

from datetime import datetime

import pytest

from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.search_filters import SearchFilter, narrowed_by
from deepseek_mm.language.typed_filters import read_video
from index.region import VIDEO_FORMATS

NOW = datetime(2026, 5, 1)


@pytest.mark.parametrize(
    ("typed", "rest"),
    [
        ("the video where the dog jumps", "the dog jumps"),
        ("videos of my dog", "my dog"),
        ("clips of snow", "snow"),
        ("my videos", ""),
        ("Videos mit Katze", "mit Katze"),
        ("\u89c6\u9891", ""),
    ],
)
def test_what_is_said_of_videos_bounds_a_search_and_the_rest_is_looked_for(typed, rest):
    found = read_video(typed, NOW)
    assert found is not None
    assert (found.where.formats, found.rest) == (VIDEO_FORMATS, rest)


@pytest.mark.parametrize("typed", ["a video game", "the video camera on the desk", "paper clips", "hair clip", "a dog"])
def test_things_that_are_only_called_after_videos_bound_nothing(typed):
    assert read_video(typed, NOW) is None


@pytest.mark.parametrize("value", ["video", "Videos", "clips", "\u89c6\u9891"])
def test_the_operator_is_takes_videos(value):
    assert narrowed_by("is", value) == {"formats": VIDEO_FORMATS}


def test_a_type_of_video_and_the_filter_of_the_page_name_formats():
    assert narrowed_by("type", "mp4") == {"formats": ("mp4",)}
    assert SearchFilter(kind="videos").where().formats == VIDEO_FORMATS
    with pytest.raises(BadQuestion, match="is:film cannot be"):
        narrowed_by("is", "film")
