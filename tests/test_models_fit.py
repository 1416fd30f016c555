"""Whether a model fits: described machines, compared with sums by hand."""

from dataclasses import replace

import pytest
from test_models_catalogue import read

from deepseek_mm.models.catalogue import MB, find_card, read_catalogue
from deepseek_mm.models.fit import disk_needed_mb, free_disk_mb, judge_fit, recommend, show_mb
from deepseek_mm.runtime.hardware import Hardware

FAST = frozenset(["avx512_bf16"])


def machine(memory_mb: int, *, free_mb: int | None = None, cores: int = 2, flags: frozenset[str] = FAST) -> Hardware:
    free_bytes = (memory_mb if free_mb is None else free_mb) * MB
    return Hardware(cores=cores, flags=flags, memory_bytes=memory_mb * MB, available_bytes=free_bytes)


@pytest.fixture
def card(tmp_path):
    """A model of 100 million weights, which needs 800 MB in bfloat16 and 1,000 MB in float32."""
    return read(tmp_path)[0]


def test_a_model_fits_where_its_memory_is_left_beside_the_system_and_the_packaged_models(card):
    fit = judge_fit(card, machine(2800))
    assert (fit.fits, fit.memory_mb, fit.way) == (True, 800, "bf16")
    assert fit.reason == "needs 800 MB of memory, and models have 800 MB here"


def test_one_megabyte_less_is_too_little_and_says_what_a_local_server_would_need(card):
    fit = judge_fit(card, machine(2799))
    assert not fit.fits
    assert fit.reason == (
        "needs 800 MB of memory, and models have 799 MB here; a local server such as Ollama needs 657 MB"
    )


def test_a_machine_smaller_than_the_system_needs_has_no_room_rather_than_less_than_none(card):
    assert judge_fit(card, machine(1000)).reason == "needs 800 MB of memory, and models have 0 MB here"


def test_a_processor_without_bfloat16_holds_every_weight_in_four_bytes(card):
    fit = judge_fit(card, machine(2900, flags=frozenset()))
    assert (fit.fits, fit.memory_mb, fit.way) == (False, 1000, "float32")


def test_the_limit_of_a_container_counts_in_the_place_of_the_machines_memory(card):
    assert judge_fit(card, machine(9000)).fits
    assert not judge_fit(card, replace(machine(9000), limit_bytes=2500 * MB)).fits


def test_memory_that_others_use_now_is_said_but_does_not_rule_the_model_out(card):
    fit = judge_fit(card, machine(8000, free_mb=700))
    assert fit.fits
    assert fit.reason == "needs 800 MB of memory, and 700 MB are free now: close other programs"


def test_a_disk_has_to_hold_the_files_and_some_room_beside_them(card):
    assert judge_fit(card, machine(8000), free_disk_mb=700).fits
    fit = judge_fit(card, machine(8000), free_disk_mb=699)
    assert (fit.fits, fit.reason) == (False, "needs 200 MB on the disk, and 699 MB are free")


def test_a_gguf_that_our_decoder_reads_needs_the_disk_for_its_unpacked_copy_as_well(card):
    assert disk_needed_mb(card) == 200
    assert disk_needed_mb(replace(card, run_by="own")) == 400
    assert judge_fit(replace(card, run_by="own"), machine(8000, flags=frozenset())).way == "int8"


def test_what_a_local_server_runs_is_reckoned_in_four_bits_and_a_space_in_float32(card):
    assert judge_fit(replace(card, run_by="server"), machine(8000)).memory_mb == 657
    assert judge_fit(replace(card, kind="space"), machine(8000)).memory_mb == 700


def test_the_larger_the_machine_the_better_the_model_that_is_recommended():
    cards = read_catalogue()

    def best(memory_mb: int, cores: int, **disk: int) -> str:
        found = recommend(cards, machine(memory_mb, cores=cores), **disk)
        return found.title if found else ""

    assert best(8000, 2) == "SmolVLM 256M"
    assert best(8000, 4) == "SmolVLM 500M"
    assert best(8000, 16) == "Qwen3-VL 2B"
    assert best(6000, 16) == "SmolVLM 500M"  # 2 billion weights would fit 4 GB of memory in no way
    assert best(3000, 16) == ""
    assert best(8000, 16, free_disk_mb=3000) == "SmolVLM 500M"


def test_the_first_offer_on_two_cores_is_about_five_hundred_megabytes():
    assert show_mb(find_card("HuggingFaceTB/SmolVLM-256M-Instruct").disk_mb) == "518 MB"


def test_sizes_are_shown_as_people_say_them():
    assert [show_mb(size) for size in (0, 518, 999, 1000, 1540, 10_500)] == [
        "0 MB",
        "518 MB",
        "999 MB",
        "1.0 GB",
        "1.5 GB",
        "10.5 GB",
    ]


def test_free_space_is_that_of_the_nearest_folder_that_exists(tmp_path):
    assert free_disk_mb(tmp_path / "not" / "there") == pytest.approx(free_disk_mb(tmp_path), rel=0.2)
