import subprocess
import sys
from pathlib import Path

import pytest
from chat_server import chat_server
from tiny_lm import save_tiny
from tiny_vlm import save_vlm

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.lm import open_generator

ROOT = Path(__file__).parent.parent


def loads_torch(code: str) -> bool:
    script = f"import sys; from pathlib import Path; {code}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode in (0, 1)
    return bool(done.returncode)


def test_no_torch_is_loaded_until_a_local_model_is_opened():
    opening = "from deepseek_mm.config import LMConfig; from deepseek_mm.lm import open_generator; open_generator"
    assert not loads_torch("import deepseek_mm.lm")
    assert not loads_torch(f"{opening}(LMConfig(name='none'), cache=Path('x'))")
    assert not loads_torch(f"{opening}(LMConfig(name='a', url='http://127.0.0.1:9/v1'), cache=Path('x'))")


def test_a_folder_opens_a_local_model_and_tells_its_progress(tmp_path):
    heard = []
    folder = save_tiny(tmp_path / "tiny")
    generator = open_generator(LMConfig(name=str(folder)), cache=tmp_path, progress=heard.append)
    assert (generator.name, generator.sees) == ("tiny", False)
    assert len(heard) == 1


def test_none_wins_over_a_server(tmp_path):
    assert open_generator(LMConfig(name="none", url="http://127.0.0.1:9/v1"), cache=tmp_path).name == "none"


def test_a_model_that_sees_comes_before_the_named_one(tmp_path):
    heard: list[str] = []
    config = LMConfig(name="none", vlm=str(save_vlm(tmp_path / "eyes")))
    generator = open_generator(config, cache=tmp_path, progress=heard.append)
    assert (generator.name, generator.sees) == ("eyes", True)
    assert heard == ["loading the language model eyes, which sees"]


def test_the_key_is_read_from_the_variable_that_the_settings_name(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sesame")
    with chat_server(key="sesame") as server:
        assert (
            open_generator(LMConfig(url=server.url, api_key_env="MY_KEY", api_key_for=server.url), cache=tmp_path).name
            == "kite-7b"
        )


def test_a_negative_number_of_threads_is_refused():
    with pytest.raises(ConfigError, match="lm.threads=-1 must lie between 0 and 1024"):
        LMConfig(threads=-1)
