"""Solids out of what the cells of a map say, and the scene that programs see."""

import numpy as np
import pytest
import torch
from PIL import Image

from deepseek_mm.logic.english import program_of
from deepseek_mm.logic.programs import VALUES, run
from deepseek_mm.vision.scene_models import (
    GRID,
    OUT,
    PLACE,
    SIDE_PX,
    FinderNet,
    SceneFinder,
    middles_of,
    solids_of,
)

SILENT = -9.0


def told(*cells):
    """A map whose cells say nothing but these: (row, column, how sure, across and down in the cell, half, traits)."""
    told_GGO = torch.full((GRID, GRID, OUT), SILENT)
    for row, column, sure, (across, down), half, traits in cells:
        told_GGO[row, column, 0] = sure
        told_GGO[row, column, 1 : 1 + PLACE] = torch.tensor(
            [np.log(across / (1 - across)), np.log(down / (1 - down)), np.log(half / 0.1)]
        )
        start = 1 + PLACE
        for trait, values in VALUES.items():
            told_GGO[row, column, start + values.index(traits[trait])] = 9.0
            start += len(values)
    return told_GGO


def solids(*cells):
    told_GGO = told(*cells)
    middle_BGG2, half_BGG = middles_of(told_GGO[None])
    return solids_of(told_GGO, middle_BGG2[0], half_BGG[0])


RED = {"size": "big", "colour": "red", "material": "metal", "shape": "sphere"}
BLUE = {"size": "small", "colour": "blue", "material": "rubber", "shape": "cube"}


def test_a_cell_tells_where_its_solid_stands():
    found = solids((12, 6, 4.0, (0.25, 0.5), 0.1, RED))
    assert found.places_N3[0] == pytest.approx([6.25 / GRID, 12.5 / GRID + 0.1, 0.1], abs=1e-4)
    assert found.traits_NV.shape == (1, 16)
    assert found.traits_NV.sum() == pytest.approx(4.0)


def test_the_surest_comes_first_and_the_unsure_are_left_out():
    found = solids(
        (3, 3, 1.0, (0.5, 0.5), 0.1, RED), (9, 9, 3.0, (0.5, 0.5), 0.1, BLUE), (5, 20, -1.0, (0.5, 0.5), 0.1, RED)
    )
    assert len(found) == 2
    assert found.scene.items[0].traits == BLUE


def test_a_solid_at_the_border_of_two_cells_counts_once():
    found = solids((9, 9, 3.0, (0.98, 0.5), 0.1, RED), (9, 10, 2.0, (0.02, 0.5), 0.1, RED))
    assert len(found) == 1


def test_what_was_found_can_be_asked_about():
    scene = solids((6, 3, 3.0, (0.5, 0.5), 0.1, RED), (14, 18, 3.0, (0.5, 0.5), 0.06, BLUE)).scene
    answers = {
        "What colour is the ball?": "red",
        "What shape is the thing in front of the metal sphere?": "cube",
        "How many things are left of the small cube?": "1",
        "Is there a grey cone?": "no",
    }
    assert {question: run(program_of(question), scene).answer for question in answers} == answers
    assert 0.9 < run(program_of("What colour is the ball?"), scene).chance < 0.96


def test_pictures_of_any_size_are_looked_at_in_order_and_in_batches():
    torch.manual_seed(0)
    finder = SceneFinder(FinderNet(width=16, blocks=1), batch=2)
    pictures = [Image.new("L", (30, 300), 90), Image.new("RGB", (SIDE_PX, SIDE_PX)), Image.new("RGBA", (1, 1))]
    assert [len(found) for found in finder.find_many(pictures)] == [0, 0, 0]
    assert list(finder.find_many([])) == []
