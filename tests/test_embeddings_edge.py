"""The student's space, with untrained weights: its file, what stands where, and its ONNX files."""

import numpy as np
import pytest
import torch
from PIL import Image

from deepseek_mm.embeddings.edge import (
    EdgeConfig,
    EdgeModel,
    EdgeSpace,
    Lite0,
    files_of_edge,
    read_told,
    shrink_map,
    write_edge,
)
from deepseek_mm.embeddings.space import known_as
from deepseek_mm.embeddings.towers import ImageTower, blank_text_tower, squeeze, text_tower_folder, to_pixels
from deepseek_mm.errors import ConfigError, MissingWeights
from deepseek_mm.factory import open_trained
from deepseek_mm.runtime.towers.export import PICTURE, TEXT, export_edge
from deepseek_mm.vision.small_nets import weights_for
from deepseek_mm.vision.vqa import WEIGHTS as READS
from deepseek_mm.vision.vqa import read_reader

SIZE = EdgeConfig(neck=48, layers=1, read_after=(0, 0, 1, 1))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    text_tower = blank_text_tower(text_tower_folder(), SIZE.layers, read_after=SIZE.read_after)
    return EdgeModel(SIZE, ImageTower(Lite0()).eval(), text_tower).eval()


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    made = tmp_path_factory.mktemp("edge") / "edge.safetensors"
    write_edge(made, model, SIZE, taught_by="the teacher")
    return made


@pytest.fixture(scope="module")
def space(file):
    return EdgeSpace(file)


@pytest.fixture(scope="module")
def pictures():
    chance = np.random.default_rng(0)
    return [Image.fromarray(chance.integers(0, 255, (40, 60, 3), dtype=np.uint8)) for _ in range(2)]


def test_a_space_that_was_written_is_opened_with_its_sizes_and_nearly_its_weights(space, model, file):
    assert file.stat().st_size < 1.2 * sum(p.numel() for p in model.state_dict().values())  # a byte a number
    told, state = read_told(file), space.model.state_dict()
    assert (told["taught_by"], told["config"]["neck"]) == ("the teacher", 48)
    before = model.state_dict()["sight.image_head.out.weight"]
    assert (state["sight.image_head.out.weight"] - before).abs().max() < before.abs().max() / 100
    assert known_as(space) == (space.fingerprint, "the teacher")


def test_pictures_and_texts_become_unit_vectors_of_the_same_width_and_cells_stand_nine_by_nine(space, pictures):
    (look, _) = space.look_many(pictures)
    texts_ND = space.embed_texts(["a dog", "two men on a bench"])
    assert (look.vector_D.shape, look.grid_HWD.shape, texts_ND.shape) == ((512,), (9, 9, 512), (2, 512))
    assert np.allclose(np.linalg.norm(texts_ND, axis=1), 1, atol=1e-3)
    assert np.allclose(np.linalg.norm(look.grid_HWD, axis=-1), 1, atol=1e-2)


def test_what_small_models_look_at_is_as_wide_as_the_neck(space, pictures):
    (seen, _) = space.see_many(pictures)
    assert seen.cells_PC.shape == (81, 48)


def test_small_models_of_another_space_are_not_taken_for_its_own(space, tmp_path):
    assert weights_for(space, READS).name == "edge_reader.safetensors"
    assert open_trained(lambda own: read_reader(own, tmp_path / "absent"), space) is None
    with pytest.raises(MissingWeights):
        read_reader(space, READS)  # the default space's


def test_onnx_files_on_one_thread_see_and_read_as_the_space_does(model, pictures, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    files = export_edge(model, tmp_path)
    assert [file.name for file in files] == [PICTURE, TEXT]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sees, reads = (onnxruntime.InferenceSession(str(file), options) for file in files)
    squares = [squeeze(picture) for picture in pictures]
    tokens = model.text_tower.tokenizer(["a red kite", "dogs"], padding=True, return_tensors="pt")
    names = ("input_ids", "attention_mask")
    with torch.inference_mode():
        vector_BD, grid_BPD = model.looks(model.maps(squares))
        text_ND = model.read_pooled(model.text_tower.pool_tokens(*(tokens[name] for name in names)))
    got_BD, got_BPD, _ = sees.run(None, {"pixels": to_pixels(squares).contiguous().numpy()})
    (got_ND,) = reads.run(None, {name: tokens[name].numpy() for name in names})
    for right, got in ((vector_BD, got_BD), (grid_BPD, got_BPD), (text_ND, got_ND)):
        assert np.abs(right.numpy() - got).max() < 1e-3


def test_a_missing_file_names_the_command_that_makes_it_and_a_size_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(MissingWeights, match="train distill"):
        EdgeSpace(tmp_path / "edge.safetensors")
    with pytest.raises(ConfigError, match="neck=2"):
        EdgeConfig(neck=2)


def test_the_files_of_the_student_are_those_that_begin_with_its_name(tmp_path):
    for name in ("edge.safetensors", "edge_reader.safetensors", "reader.safetensors"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "edge_lm").mkdir()
    (tmp_path / "edge_lm" / "config.json").write_bytes(b"1")
    assert [f.name for f in files_of_edge(tmp_path)] == ["edge.safetensors", "config.json", "edge_reader.safetensors"]


@pytest.mark.parametrize("side", [9, 17, 20])
def test_a_map_is_shrunk_to_the_means_of_what_each_cell_covers(side):
    torch.manual_seed(0)
    middle_BCMM = torch.randn(2, 3, side, side)
    right = torch.nn.functional.adaptive_avg_pool2d(middle_BCMM, 9).flatten(2).transpose(1, 2)
    assert torch.allclose(shrink_map(middle_BCMM), right, atol=1e-5)
