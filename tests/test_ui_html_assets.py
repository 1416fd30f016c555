"""Style sheets, scripts and the head: ours, whole, and fetching nothing."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ui import html
from ui.html import calm

SCRIPTS = sorted(path.stem for path in (Path(html.__file__).parent / "scripts").glob("*.js"))


def test_the_pages_own_style_sheet_comes_first_and_all_are_there():
    css = html.css()
    for file in (Path(html.__file__).parent / "styles").glob("*.css"):
        assert file.read_text() in css
    assert css.startswith((Path(html.__file__).parent / "styles" / "page.css").read_text())


def test_nothing_is_fetched_from_elsewhere():
    fonts = [font for font in calm().to_dict()["theme"].values() if isinstance(font, str)]
    everything = " ".join([html.css(), html.head("en"), *fonts, *(html.script(name) for name in SCRIPTS)])
    everything = everything.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|url\((?!.?data:)", everything)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_parsed(name, tmp_path):
    if shutil.which("node") is None:
        pytest.skip("node is not here; the browser tests run every script")
    file = tmp_path / f"{name}.js"
    body = html.script(name)
    file.write_text(body if name == "page" else f"async function run(element, trigger, watch, props) {{ {body} }}")
    done = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_head_says_the_language_of_the_page():
    assert '"language": "zh"' in html.head("zh")
    assert 'rel="icon"' in html.head("en")
