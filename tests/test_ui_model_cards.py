"""Cards of models as HTML: what is said of each, and the buttons that its state allows."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from model_states import CARD, LARGE, loading, standing

from deepseek_mm import ExchangeState, TrialState
from deepseek_mm.models.catalogue import read_catalogue
from ui.model_cards import ModelView, render_models, tell_progress
from ui.words import CHINESE, ENGLISH
from ui.words.messages import HAN


def acts(html: str) -> list[str]:
    """What the buttons do, but for the choice of what is shown."""
    return [act for act in re.findall(r'data-act="(\w+)"', html) if act != "kind"]


def shown(state=None, *downloads, words=ENGLISH, **view) -> str:
    """The part with one model."""
    given = {download.name: download for download in downloads}
    return render_models(ModelView(cards=[state or standing()], downloads=given, **view), words)


def test_a_card_says_what_it_is_good_for_how_large_it_is_and_that_it_was_not_run_here():
    html = shown()
    for part in ("Describes photos", "518 MB", "1.1 GB", "English, many others", "Not run here", "MMMU (val) 38.8"):
        assert part in html
    assert "Fits this machine: </b>needs 1.1 GB of memory" in html


def test_licence_page_and_sources_are_links_that_tell_the_other_side_nothing():
    links = re.findall(r"<a [^>]+>", shown())
    addresses = [re.search(r'href="([^"]+)"', link)[1] for link in links]
    assert addresses == [CARD.license_url, "https://example.org/seer", "https://huggingface.co/owner/seer"]
    assert all('rel="noopener noreferrer"' in link and 'target="_blank"' in link for link in links)


def test_what_a_title_holds_is_text_and_no_markup():
    html = shown()
    assert "Seer &lt;1B&gt;" in html
    assert "<1B>" not in html


@pytest.mark.parametrize(
    ("state", "download", "buttons"),
    [
        (standing(), None, ["download"]),
        (standing(asks_acceptance=True), None, ["accept"]),
        (standing(LARGE), None, []),
        (standing(run_by="server", remote_code=True), None, []),
        (standing(), loading("running"), ["pause", "cancel"]),
        (standing(), loading("waiting"), ["pause", "cancel"]),
        (standing(), loading("stopping"), []),
        (standing(), loading("paused"), ["resume", "cancel"]),
        (standing(), loading("failed", message="x"), ["download"]),
        (standing(), loading("cancelled"), ["download"]),
        (standing(installed=True), loading("done"), ["use", "try", "remove"]),
        (standing(installed=True, kind="lm"), None, ["use", "try", "remove"]),
        (standing(installed=True, kind="space"), None, ["use", "remove"]),
        (standing(LARGE, installed=True), None, ["remove"]),
    ],
)
def test_a_card_has_the_buttons_that_its_state_allows(state, download, buttons):
    assert acts(shown(state, *filter(None, [download]), kind=state.card.kind)) == buttons


def test_a_model_that_is_in_use_is_said_to_be_and_cannot_be_removed():
    html = shown(standing(installed=True), in_use=frozenset([CARD.id]))
    assert (acts(html), "In use" in html) == (["packaged"], True)
    finder = standing(installed=True, kind="space")
    assert acts(shown(finder, in_use=frozenset([CARD.id]), kind="space")) == ["packaged"]
    assert acts(shown(finder, next_start=frozenset([CARD.id]), kind="space")) == []


@pytest.mark.parametrize(
    ("step", "said"), [("opening", "beside the model that answers now"), ("trying", "first question")]
)
def test_a_model_on_its_way_to_answer_says_how_far_it_is_and_no_other_can_be_used(step, said):
    exchange = ExchangeState(name=CARD.id, step=step)
    view = ModelView(cards=[standing(installed=True), standing(installed=True, id="a/b")], exchange=exchange)
    html = render_models(view, ENGLISH)
    assert (view.is_busy, said in html, acts(html)) == (True, True, ["remove"])


def test_a_model_that_could_not_be_opened_says_why_and_may_be_tried_again():
    exchange = ExchangeState(name=CARD.id, step="failed", message="The model before it goes on to answer: no <weights>")
    html = shown(standing(installed=True), exchange=exchange)
    assert '<p role="alert" class="notice">The model before it goes on to answer: no &lt;weights&gt;</p>' in html
    assert acts(html) == ["use", "try", "remove"]


def test_a_model_that_is_tried_can_only_be_stopped_and_no_other_is_used_meanwhile():
    trial = TrialState(name=CARD.id, step="asking", total=20)
    view = ModelView(cards=[standing(installed=True), standing(installed=True, id="a/b")], trial=trial)
    html = render_models(view, ENGLISH)
    assert (view.is_busy, acts(html)) == (True, ["try_stop", "try", "remove"])
    assert "Question 1 of 20" in html
    ending = replace(trial, step="stopping")
    assert acts(shown(standing(installed=True), trial=ending)) == []
    assert '<progress aria-label="Try on my library: Seer &lt;1B&gt;" value="0" max="20">' in html


def test_what_a_trial_found_stands_on_its_card_until_the_model_answers():
    trial = TrialState(name=CARD.id, step="failed", message="it is damaged")
    assert "It could not be tried: it is damaged" in shown(standing(installed=True), trial=trial)
    assert "damaged" not in shown(standing(installed=True), trial=trial, in_use=frozenset([CARD.id]))
    assert "damaged" not in shown(standing(installed=True, id="a/b"), trial=trial)


def test_a_model_that_answers_says_what_it_said_when_it_was_tried():
    exchange = ExchangeState(name=CARD.id, step="done", message="Which colour? Red")
    assert "Tried: Which colour? Red" in shown(standing(installed=True), exchange=exchange, in_use=frozenset([CARD.id]))
    assert "Tried" not in shown(standing(installed=True), exchange=exchange)


def test_a_space_in_which_files_are_indexed_says_how_far_that_is_and_offers_nothing():
    job = SimpleNamespace(state="waiting")
    html = shown(standing(installed=True, kind="space"), kind="space", indexing={CARD.id: job})
    assert "All files are indexed with it: waiting" in html
    assert acts(html) == []


def test_a_packaged_model_that_could_not_be_opened_is_told_above_the_cards():
    exchange = ExchangeState(name="deepseek-mm", step="failed", message="it is gone")
    assert shown(exchange=exchange).startswith('<p role="alert" class="notice">it is gone</p>')


def test_a_model_that_the_next_start_opens_is_not_offered_again():
    html = shown(standing(installed=True), next_start=frozenset([CARD.id]))
    assert (acts(html), "From the next start on" in html) == (["packaged"], True)


@pytest.mark.parametrize("kind", ["text", "code", "reranker"])
@pytest.mark.parametrize(
    ("words", "back"), [(ENGLISH, "Back to the packaged order"), (CHINESE, "\u6062\u590d\u81ea\u5e26")]
)
def test_a_model_that_orders_is_shown_by_itself_and_names_the_packaged_order_as_the_way_back(kind, words, back):
    state = standing(installed=True, kind=kind)
    assert CARD.id not in shown(state, words=words)
    assert acts(shown(state, words=words, kind="order")) == ["use", "remove"]
    html = shown(state, words=words, kind="order", in_use=frozenset([CARD.id]))
    assert (acts(html), back in html) == (["packaged"], True)


def test_a_model_that_orders_says_how_it_told_a_right_text_from_a_wrong_one():
    exchange = ExchangeState(name=CARD.id, step="done", message="How much? 8.123 > -3.200")
    state = standing(installed=True, kind="reranker")
    html = shown(state, kind="order", exchange=exchange, in_use=frozenset([CARD.id]))
    assert "It orders what is found from the next question on. Tried: How much? 8.123 &gt; -3.200" in html


def test_a_removal_that_was_pressed_once_asks_for_a_second_press():
    assert "Press again to remove" in shown(standing(installed=True), removing=CARD.id)
    assert "Press again to remove" not in shown(standing(installed=True), removing="another/model")


def test_the_recommended_model_comes_first_with_its_size_whatever_is_shown_below():
    view = ModelView(
        cards=[standing(id="a/first"), standing(recommended=True), standing(id="a/finder", kind="space")],
        kind="space",
    )
    html = render_models(view, ENGLISH)
    assert html.index("Better answers: 518 MB") < html.index('data-what="owner/seer"') < html.index("a/finder")
    assert "a/first" not in html
    assert html.count('data-what="owner/seer"') == 1


def test_a_machine_for_which_none_is_recommended_is_told_so():
    assert ENGLISH.models_none_here in shown()


def test_the_kind_that_is_shown_is_the_pressed_button():
    pressed = re.findall(r'data-what="(\w+)" aria-pressed="true"', shown(kind="lm"))
    assert pressed == ["lm"]


def test_a_gguf_says_how_much_it_is_once_it_is_unpacked():
    assert "518 MB, 1.0 GB once it is unpacked" in shown(standing(run_by="own", kind="lm"), kind="lm")


def test_progress_says_bytes_speed_and_how_long_it_still_takes():
    running = loading(
        "running", done_bytes=231_000_000, total_bytes=518_000_000, bytes_per_second=2.3e6, seconds_left=125
    )
    assert tell_progress(running, ENGLISH) == "231 MB of 518 MB - 2.3 MB a second - about 2 minutes left"
    assert '<progress aria-label="Seer &lt;1B&gt;" value="231000000" max="518000000">' in shown(None, running)


def test_a_download_whose_size_nobody_knows_yet_says_what_it_does():
    assert tell_progress(loading("running"), ENGLISH) == ENGLISH.model_looking
    assert "value=" not in re.search(r"<progress[^>]*>", shown(None, loading("running")))[0]


def test_a_paused_download_says_how_much_is_here():
    assert tell_progress(loading("paused", done_bytes=4e8, total_bytes=1e9), ENGLISH) == "Paused at 400 MB of 1.0 GB"


def test_a_download_that_failed_says_why_as_an_alert():
    html = shown(None, loading("failed", message="no route to <host>"))
    assert '<p role="alert" class="notice">no route to &lt;host&gt;</p>' in html
    assert "Try again" in html


def test_every_card_of_the_catalogue_is_said_in_chinese():
    for card in read_catalogue():
        assert HAN.search(CHINESE.say(card.good_for)), card.good_for
    html = shown(words=CHINESE)
    assert HAN.search(re.search(r'<p class="fit">.*?</p>', html)[0].split("</b>")[1])
    assert "needs" not in html


def test_why_a_model_does_not_fit_is_said_in_chinese_in_every_way():
    for reason in (
        "needs 1.1 GB of memory, and models have 6.6 GB here",
        "needs 8.3 GB of memory, and models have 6.6 GB here; a local server such as Ollama needs 2.6 GB",
        "needs 800 MB of memory, and 700 MB are free now: close other programs",
        "needs 200 MB on the disk, and 699 MB are free",
    ):
        said = CHINESE.say(reason)
        assert "needs" not in said
        assert all(size in said for size in re.findall(r"[\d.]+ [MG]B", reason))
