"""Videos have a word of their own in what is said of them; what else bounds a search stays."""

import pytest

from deepseek_mm.answering.library_sentences import counted_files, heading, lacking, none_within
from deepseek_mm.answering.photo_lists import count_all
from deepseek_mm.types import Act


@pytest.mark.parametrize(
    ("within", "counted"),
    [
        ("", ("photo", "")),
        ("from 2019", ("photo", "from 2019")),
        ("of the kind video", ("video", "")),
        ("of the kind video from 2019", ("video", "from 2019")),
    ],
)
def test_what_is_counted_is_told_from_what_bounds_it(within, counted):
    assert counted_files(within) == counted


def test_videos_are_counted_and_missed_as_videos():
    dogs, videos = Act(kind="find", text="which videos show dogs", subject="dogs"), "of the kind video"
    assert count_all(1, videos).claims[0].text == "There is 1 video in the library"
    assert count_all(3, f"{videos} from 2019").claims[0].text == "There are 3 videos from 2019"
    assert count_all(2, "from 2019").claims[0].text == "There are 2 photos from 2019"
    assert heading(dogs, 2, 2, videos) == '2 videos fit "dogs"'
    assert lacking(dogs, 9, videos) == 'I found no video for "dogs"'
    assert lacking(dogs, 9, f"{videos} from 2019") == 'I found no video for "dogs" among those from 2019'
    assert lacking(dogs, 9) == 'I found no photo for "dogs" among your 9 photos'
    assert none_within(videos, 9, dogs) == "I found no video among your 9, as far as their files say."
