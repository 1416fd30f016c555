"""What happens in the Settings tab, on a real settings file and a real (painted) house."""

import json
from dataclasses import replace

import pytest
from chat_server import chat_server
from fakes import Parrot
from page_caller import ActingAs, holder_of, services_of
from rag_house import build

from deepseek_mm import Config, SettingsFile, build_services
from deepseek_mm.__main__ import main
from deepseek_mm.config import OUR_LM
from deepseek_mm.retrieval.certainty import MeasuredErrors
from deepseek_mm.terminal import Desk
from ui.settings_handlers import AT_START, SettingsHandlers, hide_credentials, kind_of
from ui.words import CHINESE, ENGLISH

DEFAULTS = (6, 0.6, 0.6, "auto")  # regions, certainty (no curve is fitted for painted photos), presence, phrasing
UNTOUCHED = ("packaged", "", "", False, "")  # model, address, name, sees, checkpoint


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "library", lm=Parrot("A kite [1]."), phrasing="auto")
    yield assistant
    assistant.close()


@pytest.fixture
def setting(house):
    return ActingAs(SettingsHandlers(services=services_of(house), words=ENGLISH))


def save_models(setting, kind: str, url: str, model: str, sees: bool, checkpoint: str):
    return setting.save_models(kind, (url, model, sees), checkpoint)


def started(setting: SettingsHandlers, flags: dict | None = None, environ: dict | None = None) -> SettingsHandlers:
    """The same with flags and variables."""
    data = setting.assistant.config.data
    file = SettingsFile({"data": str(data), **(flags or {})}, environ=environ or {}, cwd=data.parent)
    return ActingAs(SettingsHandlers(services=build_services(setting.assistant, file), words=ENGLISH))


def restarted(setting: SettingsHandlers) -> Config:
    return SettingsFile.of(setting.assistant.config).read().config


def test_what_is_saved_holds_from_the_next_question_on_and_after_a_restart(setting, house):
    said = setting.save_answers(12, 0.35, 0.7, "none")
    assert (said.text, said.wrong) == (ENGLISH.set_saved, False)
    for config in (house.config, restarted(setting)):
        rag = config.rag
        assert (rag.num_regions, rag.min_certainty, rag.min_presence, config.lm.phrasing) == (12, 0.35, 0.7, "none")
    assert house.retriever.search.needed_certainty == 0.35
    assert setting.look().values["rag.min_certainty"] == 0.35


def test_what_the_page_saves_is_what_the_command_line_shows(setting, house, tmp_path, capsys):
    setting.save_answers(12, 0.35, 0.6, "auto")
    import io

    out = io.StringIO()
    desk = Desk(out=out, err=io.StringIO(), environ={}, cwd=tmp_path)
    assert main(["config", "--data", str(house.config.data), "--json"], desk) == 0
    told = json.loads(out.getvalue())
    assert told["settings"]["rag"]["num_regions"] == 12
    assert told["origins"]["rag.num_regions"].startswith("file ")


def test_only_what_was_changed_is_written(setting, house):
    assert setting.save_answers(*DEFAULTS).text == ENGLISH.set_unchanged
    assert not (house.config.data / "config.toml").exists()
    setting.save_answers(6.0, 0.6, 0.65, "auto")
    assert (house.config.data / "config.toml").read_text() == "[rag]\nmin_presence = 0.65\n"


def test_back_to_the_defaults_takes_them_out_of_the_file_and_leaves_the_rest(setting, house):
    file = house.config.data / "config.toml"
    file.write_text("[rag]\nsure = 0.9 # mine\n")
    setting.save_answers(9, 0.2, 0.3, "claims")
    assert setting.defaults().text == ENGLISH.set_reset
    assert file.read_text().startswith("[rag]\nsure = 0.9 # mine\n")
    assert (house.config.rag.num_regions, house.config.rag.sure) == (6, 0.9)
    assert setting.defaults().text == ENGLISH.set_unchanged


@pytest.mark.parametrize(
    "values", [(0, 0.6, 0.6, "auto"), (6, 2.0, 0.6, "auto"), (6, 0.6, None, "auto"), (6, 0.6, 0.6, "<b>"), ("x",) * 4]
)
def test_what_no_slider_could_send_is_refused_in_a_sentence(setting, house, values):
    said = setting.save_answers(*values)
    assert said.wrong
    assert said.text != ENGLISH.bug
    assert not (house.config.data / "config.toml").exists()
    assert house.config.rag.num_regions == 6


def test_what_a_flag_or_the_environment_fixes_is_shown_and_not_changed(setting, house):
    environ = {"DEEPSEEK_MM_RAG__NUM_REGIONS": "4"}
    fixed = started(setting, {"lm.phrasing": "none"}, environ)
    look = fixed.look()
    assert look.values["rag.num_regions"] == 4
    assert "DEEPSEEK_MM_RAG__NUM_REGIONS" in look.fixed["rag.num_regions"]
    assert "the flag lm.phrasing" in look.fixed["lm.phrasing"]
    assert set(look.fixed) == {"rag.num_regions", "lm.phrasing"}
    fixed.save_answers(12, 0.6, 0.7, "claims")
    assert (house.config.data / "config.toml").read_text() == "[rag]\nmin_presence = 0.7\n"


def test_a_threshold_is_told_in_measured_numbers_only(setting, house, monkeypatch):
    assert setting.certainty(0.5) == ENGLISH.set_unmeasured.format(value="0.50")
    measured = MeasuredErrors(there=(0.2, 0.5, 0.9, 0.9), absent=(0.1, 0.1, 0.3, 0.5, 0.6))
    monkeypatch.setattr(type(house.retriever.search), "measured_errors", measured)
    assert setting.certainty(0.5).startswith(
        "At 0.50: 40.0 % of 5 things that no photo shows were called found, and 25"
    )
    assert setting.certainty(0.6).endswith(ENGLISH.set_fitted)
    assert "0.50" in replace(setting.wrapped, words=CHINESE).certainty(0.5)


def test_a_presence_says_when_an_answer_is_only_probable(setting):
    assert "below 0.80" in setting.presence(0.6)
    assert setting.presence(0.8) == ENGLISH.set_presence_sure.format(value="0.80")


def test_another_model_is_for_the_next_start_and_says_what_it_needs(setting, house, tmp_path):
    said = save_models(setting, "none", "", "", False, "")
    assert said.text == ENGLISH.set_kept
    assert setting.look().next.startswith("At the next start: language model none.")
    assert restarted(setting).lm.name == "none"
    assert house.config.lm.name == OUR_LM
    own = tmp_path / "my model"
    own.mkdir()
    save_models(setting, "own", "", f'"{own}"', False, "openai/clip-vit-base-patch32")
    told = setting.look().next
    assert (restarted(setting).lm.name, restarted(setting).encoder.name) == (str(own), "openai/clip-vit-base-patch32")
    assert "converted once" in told
    assert "an index of its own, empty at first" in told
    assert str(house.config.data / "config.toml") in told
    assert setting.look().model == "own"
    assert save_models(setting, *UNTOUCHED).text == ENGLISH.set_kept  # back: nothing will change at the next start
    assert setting.look().next == ""
    assert save_models(setting, *UNTOUCHED).text == ENGLISH.set_unchanged


def test_a_model_that_looks_at_pictures_takes_the_place_of_every_other(setting, tmp_path):
    eyes = tmp_path / "eyes"
    eyes.mkdir()
    save_models(setting, "server", "http://127.0.0.1:8000/v1/", "kite-7b", True, "")
    assert save_models(setting, "sees", "http://127.0.0.1:8000/v1/", str(eyes), True, "").text == ENGLISH.set_kept
    lm = restarted(setting).lm
    assert (lm.vlm, lm.name, lm.url, lm.sees) == (str(eyes), OUR_LM, "", False)
    look = setting.look()
    assert look.model == "sees"
    assert look.next.startswith(f"At the next start: language model {eyes}. It looks at the photos")
    save_models(setting, "none", "", "", False, "")
    assert (restarted(setting).lm.vlm, setting.look().model) == ("", "none")


@pytest.mark.parametrize("name", ["", "/no/such/folder", "~/no such", "two words", "<script>", "a/b/c"])
def test_a_checkpoint_that_is_nowhere_is_not_written(setting, house, name):
    for values in (
        ("own", "", name, False, ""),
        ("sees", "", name, False, ""),
        ("packaged", "", "", False, name or "   '' "),
    ):
        assert save_models(setting, *values).wrong
    assert not (house.config.data / "config.toml").exists()


def test_a_server_is_kept_with_the_name_of_its_model(setting):
    save_models(setting, "server", "http://127.0.0.1:8000/v1/", "kite-7b", True, "")
    lm = restarted(setting).lm
    assert (lm.url, lm.name, lm.sees) == ("http://127.0.0.1:8000/v1", "kite-7b", True)
    assert setting.look().model == "server"
    save_models(setting, "server", "http://127.0.0.1:8000/v1/", "", True, "")
    assert restarted(setting).lm.name == OUR_LM  # the server's first
    save_models(setting, *UNTOUCHED)
    assert kind_of(restarted(setting).lm) == "packaged"
    assert setting.look().next == ""


@pytest.mark.parametrize("url", ["", "like", "ftp://here/v1", "http://me:secret@127.0.0.1:8000/v1"])
def test_an_address_that_is_none_or_holds_a_password_is_not_written(setting, house, url):
    for said in (save_models(setting, "server", url, "", False, ""), setting.try_it(url, "")):
        assert said.wrong
        assert "secret" not in said.text
        assert said.text != ENGLISH.bug
    assert not (house.config.data / "config.toml").exists()


def test_trying_a_server_says_what_it_offers_and_what_it_does_not(setting):
    with chat_server(models=[f"kite-{n}b" for n in range(8)]) as server:
        assert setting.try_it(server.url, "").text.endswith("kite-4b, kite-5b and 2 more.")
        assert not setting.try_it(server.url, "kite-7b").wrong
        missing = setting.try_it(server.url, "sky-1b")
    assert missing.wrong
    assert "does not offer sky-1b" in missing.text
    assert "Start one there" in setting.try_it(server.url, "").text


def test_a_key_goes_to_the_server_and_is_shown_and_written_nowhere(setting, house, monkeypatch, caplog):
    assert "OPENAI_API_KEY, which is not set" in setting.key
    monkeypatch.setenv("OPENAI_API_KEY", "open sesame")
    with chat_server(key="open sesame") as server:
        house.config = replace(house.config, lm=replace(house.config.lm, api_key_for=server.url))
        said = [setting.try_it(server.url, ""), save_models(setting, "server", server.url, "", False, "")]
    assert not any(each.wrong for each in said)
    assert "which is set" in setting.key
    shown_ = " ".join([setting.key, str(setting.look()), caplog.text, *(each.text for each in said)])
    assert "sesame" not in shown_ + (house.config.data / "config.toml").read_text()


def test_the_models_are_chosen_at_the_machine_and_not_by_a_key(setting, house, tmp_path):
    there = ActingAs(setting.wrapped, holder_of("settings", "page"))
    assert there.look().fixed == dict.fromkeys(AT_START, ENGLISH.set_fixed_open)
    with chat_server() as server:
        assert "only a caller on this machine may" in there.try_it(server.url, "").text
        assert save_models(there, "server", server.url, "", False, "").wrong
        assert not server.asked
    for checkpoint in ("some/clip", str(tmp_path), "/no/such/folder"):
        said = save_models(there, "none", "", "", False, checkpoint)
        assert "only a caller on this machine may" in said.text  # whether the folder is there or not
    assert not (house.config.data / "config.toml").exists()
    assert there.save_answers(9, 0.6, 0.6, "auto").text == ENGLISH.set_saved


def test_a_settings_file_that_somebody_broke_is_told_and_left_alone(setting, house):
    (house.config.data / "config.toml").write_text("[rag\n")
    for said in (setting.save_answers(9, 0.6, 0.6, "auto"), setting.defaults(), save_models(setting, *UNTOUCHED)):
        assert said.wrong
        assert "must be a TOML file" in said.text
    assert (house.config.data / "config.toml").read_text() == "[rag\n"


def test_an_address_is_shown_without_name_and_password():
    assert hide_credentials("http://me:secret@example.org:8000/v1") == "http://example.org:8000/v1"
    assert hide_credentials("http://me:secret@box/v1, http://other/v1#kite") == "http://box/v1, http://other/v1#kite"
    assert hide_credentials("") == ""
