"""What is installed and at work here: for the Settings tab, and, without what is private, for a bug report."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deepseek_mm import Assistant, size_of
from ui.library.library_report import in_bytes
from ui.words import UiTexts

PACKAGES = ("torch", "gradio", "faiss-cpu")


def facts(assistant: Assistant, settings_file: Path, words: UiTexts) -> list[tuple[str, str]]:
    """Terms and what they are, places included."""
    about, data = assistant.about(), assistant.config.data
    return [
        (words.set_lies, str(data.absolute())),
        (words.set_file, str(settings_file.absolute())),
        (words.size, in_bytes(size_of(data))),
        (words.set_files, about["photos"]),
        (words.regions, about["regions"]),
        (words.set_lm_now, about["language model"]),
        (words.set_plan, _plan(assistant) or "—"),
        (words.set_space, f"{about['space']} ({words.set_fingerprint} {about['fingerprint']})"),
        (words.set_machine, words.set_cores.format(system=system(), cores=os.cpu_count())),
        (words.set_threads, _threads(assistant, words)),
        (words.set_version, ", ".join(versions(about["version"]))),
        *((words.set_notice, notice.text) for notice in assistant.notices),
    ]


def report(assistant: Assistant) -> str:
    """The same for people who mend this program, in English: no path, no address, no name of a photo, no key."""
    about, config = assistant.about(), assistant.config
    threads = f"encoder {config.encoder.threads}, language model {config.lm.threads}"
    told = {
        "versions": ", ".join(versions(about["version"])),
        "machine": f"{system()}, {os.cpu_count()} cores",
        "threads (0: all)": threads,
        "language model": f"{Path(about['language model']).name}{' on a server' if config.lm.url else ''}",
        "plan": _plan(assistant) or "none",
        "phrasing": config.lm.phrasing_now,
        "space": f"{Path(about['space']).name}, fingerprint {about['fingerprint']}",
        "library": f"{about['photos']} files, {about['regions']} regions, {in_bytes(size_of(config.data))}",
        "regions for each answer": str(config.rag.num_regions),
        "certainty, presence, sure": f"{config.rag.min_certainty}, {config.rag.min_presence}, {config.rag.sure}",
    }
    return "\n".join(f"{name}: {value}" for name, value in told.items())


def versions(own: str) -> list[str]:
    """Of this program, of Python, and of the packages that most depends on."""
    return [f"DeepSeek-MM {own}", f"Python {platform.python_version()}", *(_package(name) for name in PACKAGES)]


def system() -> str:
    """The kind of machine, not its name."""
    return f"{platform.system()} {platform.machine()}"


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:  # faiss comes under other names too
        return f"{name} ?"


def _plan(assistant: Assistant) -> str:
    """What computes what, and why."""
    planned = assistant.planned
    return " ".join([f"{planned.plan.short}.", planned.plan.reason]) if planned else ""


def _threads(assistant: Assistant, words: UiTexts) -> str:
    config = assistant.config
    encoder, lm = (str(count or words.set_all) for count in (config.encoder.threads, config.lm.threads))
    return words.set_threads_are.format(encoder=encoder, lm=lm)
