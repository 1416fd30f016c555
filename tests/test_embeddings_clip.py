"""CLIP, SigLIP and SigLIP 2 as spaces, compared with transformers itself on tiny random checkpoints made here."""

import hashlib
import importlib.util
import json
import logging
import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import picture
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
)

from deepseek_mm.config import EncoderConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.clip import FAMILIES, ClipSpace, weight_files
from deepseek_mm.errors import ConfigError, MissingPackage, NothingThere
from deepseek_mm.hub import short_name

WORDS = ("<pad>", "<bos>", "<unk>", "<eos>", "a", "red", "kite", "over", "the", "grass", "def", "dog")
TEXTS = ("a red kite", "dog", "the kite over the grass " * 5, "")
LENGTH = 10  # tokens
VOCABULARY = 64
SIDE_PX = 32
FAMILY = tuple(FAMILIES)


def tokenizer(*, bos: bool) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    specials = [("<bos>", 1), ("<eos>", 3)]
    words.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>" if bos else "$A <eos>", special_tokens=specials
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
    )


def tower(width: int, **more) -> dict:
    return {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": LENGTH,
        "vocab_size": VOCABULARY,
        "bos_token_id": 1,
        "eos_token_id": 3,  # not 2, which stands for an older way of pooling
        "pad_token_id": 0,
        **more,
    }


def pixels(width: int, **more) -> dict:
    return {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE_PX,
        "patch_size": 8,
        **more,
    }


def make_clip(folder: Path, **vision) -> CLIPModel:
    text = tower(24)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=pixels(16, **vision), projection_dim=12))
    CLIPImageProcessor(
        size={"shortest_edge": SIDE_PX}, crop_size={"height": SIDE_PX, "width": SIDE_PX}
    ).save_pretrained(folder)
    tokenizer(bos=True).save_pretrained(folder)
    return model


def make_siglip(folder: Path, **vision) -> SiglipModel:
    text = tower(16, projection_size=16)
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=pixels(16, **vision)))
    SiglipImageProcessor(size={"height": SIDE_PX, "width": SIDE_PX}).save_pretrained(folder)
    tokenizer(bos=False).save_pretrained(folder)
    return model


def make_siglip2(folder: Path) -> Siglip2Model:
    vision = pixels(16, num_patches=16)
    del vision["image_size"]
    model = Siglip2Model(Siglip2Config(text_config=tower(16, projection_size=16), vision_config=vision))
    Siglip2ImageProcessor(patch_size=8, max_num_patches=16).save_pretrained(folder)
    letters = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "\u2581", *"abcdefghijklmnopqrstuvwxyz", "re", "red")
    pieces = Siglip2Tokenizer(
        vocab={piece: n for n, piece in enumerate(letters)}, merges=[("r", "e"), ("re", "d")], padding_side="right"
    )
    pieces.save_pretrained(folder)
    return model


MAKERS = {"clip": make_clip, "siglip": make_siglip, "siglip2": make_siglip2}


def noisy(model: torch.nn.Module) -> torch.nn.Module:
    """Weights large enough that a wrong layer norm or projection shows."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Family -> (folder, the model in it)."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    found = {}
    for family, make in MAKERS.items():
        folder = tmp_path_factory.mktemp("checkpoints") / f"tiny {family}"
        model = noisy(make(folder))
        model.save_pretrained(folder)
        found[family] = folder, model
    return found


@pytest.fixture(scope="session")
def spaces(made):
    return {family: ClipSpace(str(folder), batch=2) for family, (folder, _) in made.items()}


@pytest.fixture
def photos():
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (h, w, 3), np.uint8)) for h, w in ((48, 48), (64, 64), (32, 32))]


def unit(x: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(x, dim=-1).detach().numpy()


def processor_of(folder: Path, family: str):
    kind = {"clip": CLIPImageProcessor, "siglip": SiglipImageProcessor, "siglip2": Siglip2ImageProcessor}[family]
    return kind.from_pretrained(folder)


@pytest.mark.parametrize("family", FAMILY)
def test_a_square_picture_has_the_vector_that_transformers_gives_it(made, spaces, photos, family):
    folder, model = made[family]
    given = processor_of(folder, family)(images=photos, return_tensors="pt")
    expected = unit(model.get_image_features(**given).pooler_output)
    np.testing.assert_allclose(spaces[family].embed_images(photos), expected, atol=1e-5)


@pytest.mark.parametrize("family", FAMILY)
def test_a_text_has_the_vector_that_transformers_gives_it(made, spaces, family):
    folder, model = made[family]
    words = AutoTokenizer.from_pretrained(folder)
    expected = []
    for text in TEXTS:  # one at a time, so that no neighbour's padding can matter
        padding = {"padding": False} if family == "clip" else {"padding": "max_length"}
        ids = words(text, truncation=True, max_length=LENGTH, return_tensors="pt", **padding)["input_ids"]
        expected.append(unit(model.get_text_features(input_ids=ids).pooler_output)[0])
    np.testing.assert_allclose(spaces[family].embed_texts(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(spaces[family].embed_texts(TEXTS[:2]), expected[:2], atol=1e-5)  # without the long one


@pytest.mark.parametrize("family", ["siglip", "siglip2"])
def test_siglip_reads_capitals_as_it_was_trained_in_lowercase(spaces, family):
    upper, lower = spaces[family].embed_texts(["A Red KITE", "a red kite"])
    np.testing.assert_array_equal(upper, lower)


def test_clip_leaves_capitals_to_its_tokenizer(spaces):
    upper, lower = spaces["clip"].embed_texts(["A Red KITE", "a red kite"])
    assert upper @ lower < 0.999


@pytest.mark.parametrize("family", FAMILY)
def test_code_is_read_as_text(spaces, family):
    np.testing.assert_array_equal(spaces[family].embed_code(["def dog"]), spaces[family].embed_texts(["def dog"]))


def test_a_clip_cell_is_its_token_normalised_and_projected(made, spaces, photos):
    folder, model = made["clip"]
    given = processor_of(folder, "clip")(images=photos[:1], return_tensors="pt")
    tokens = model.vision_model(**given).last_hidden_state[0]
    cells = next(spaces["clip"].look_many(photos[:1])).grid_HWD
    assert cells.shape == (4, 4, 12)
    for row, column in ((0, 0), (1, 3), (3, 2)):
        token = tokens[1 + 4 * row + column]  # the class token comes first
        expected = unit(model.visual_projection(model.vision_model.post_layernorm(token)))
        np.testing.assert_allclose(cells[row, column], expected, atol=1e-5)


@pytest.mark.parametrize("family", ["siglip", "siglip2"])
def test_a_siglip_cell_is_what_the_head_makes_of_its_token_alone(made, spaces, photos, family):
    folder, model = made[family]
    given = processor_of(folder, family)(images=photos[:1], return_tensors="pt")
    tokens = model.vision_model(**given).last_hidden_state[0]
    cells = next(spaces[family].look_many(photos[:1])).grid_HWD
    assert cells.shape == (4, 4, 16)
    expected = unit(model.vision_model.head(tokens[None, 6:7]))[0]
    np.testing.assert_allclose(cells[1, 2], expected, atol=1e-5)


def test_the_only_patch_of_a_siglip_picture_is_the_whole_picture(tmp_path, photos):
    noisy(make_siglip(tmp_path, patch_size=SIDE_PX)).save_pretrained(tmp_path)
    look = next(ClipSpace(str(tmp_path)).look_many(photos))
    assert look.grid_HWD.shape == (1, 1, 16)
    np.testing.assert_allclose(look.grid_HWD[0, 0], look.vector_D, atol=1e-5)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_the_grid_spans_a_wide_picture_from_edge_to_edge(spaces, family):
    """Squeezing it first changes nothing; cropping would have lost the green edge."""
    wide = picture("red", size=(128, 32))
    wide.paste((30, 170, 60), (112, 0, 128, 32))
    squeezed = wide.resize((32, 32), Image.Resampling.BICUBIC)
    (look, same, plain) = spaces[family].look_many([wide, squeezed, picture("red", size=(128, 32))])
    np.testing.assert_allclose(look.grid_HWD, same.grid_HWD, atol=0.03)
    assert np.abs(look.grid_HWD - plain.grid_HWD).max() > 0.1


def test_siglip2_keeps_the_shape_of_a_wide_picture(made, spaces):
    wide = picture("red", size=(128, 32), patch="blue")
    folder, model = made["siglip2"]
    given = processor_of(folder, "siglip2")(images=[wide], return_tensors="pt")
    (square, look) = spaces["siglip2"].look_many([picture("red", size=(48, 48)), wide])
    assert square.grid_HWD.shape == (4, 4, 16)
    assert look.grid_HWD.shape == (*given["spatial_shapes"][0].tolist(), 16) == (2, 8, 16)
    np.testing.assert_allclose(look.vector_D, unit(model.get_image_features(**given).pooler_output)[0], atol=1e-5)


@pytest.mark.parametrize("family", FAMILY)
def test_looks_come_in_order_as_unit_vectors_however_they_are_batched(spaces, photos, family):
    space = spaces[family]
    together = list(space.look_many(iter(photos)))
    for look, photo in zip(together, photos, strict=True):
        np.testing.assert_allclose(look.vector_D, space.embed_images([photo])[0], atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(look.grid_HWD, axis=-1), 1, atol=1e-5)
        assert look.vector_D.dtype == look.grid_HWD.dtype == np.float32


@pytest.mark.parametrize("family", FAMILY)
def test_nothing_in_is_nothing_out_of_the_right_width(spaces, family):
    space = spaces[family]
    assert list(space.look_many([])) == []
    assert space.embed_images([]).shape == space.embed_texts([]).shape == space.embed_code([]).shape == (0, space.dim)


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (200, 1), (1, 200), (50, 3)])
def test_a_sliver_of_one_colour_looks_like_any_picture_of_that_colour(spaces, family, size):
    """Three rows must not be taken for three colour channels."""
    sliver, plain = spaces[family].embed_images([picture("blue", size=size), picture("blue")])
    np.testing.assert_allclose(sliver, plain, atol=1e-5)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_pictures_of_every_mode_are_seen(spaces, mode):
    assert spaces["siglip"].embed_images([Image.new(mode, (20, 10))]).shape == (1, 16)


def test_eight_threads_read_texts_of_all_lengths_alike(spaces):
    space = spaces["clip"]
    expected = {n: space.embed_texts(["a red kite"] * n + ["dog " * n]) for n in range(1, 9)}
    wrong = []

    def read(n: int) -> None:
        for _ in range(20):
            if not np.allclose(space.embed_texts(["a red kite"] * n + ["dog " * n]), expected[n], atol=1e-5):
                wrong.append(n)

    threads = [threading.Thread(target=read, args=(n,)) for n in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_configuration_opens_a_checkpoint_by_its_folder(made):
    space = open_space(EncoderConfig(name=str(made["clip"][0]), batch=3))
    assert (space.name, space.dim, space.batch) == ("tiny-clip", 12, 3)


def test_names_are_safe_in_a_folder_name(made):
    assert short_name(str(made["siglip"][0])) == "tiny-siglip"
    assert short_name("google/siglip2-base-patch16-224") == "google-siglip2-base-patch16-224"
    assert short_name("../..") != ".."
    assert short_name("???") == "checkpoint"


def test_the_fingerprint_is_a_sha256_over_names_types_shapes_and_bytes(made, spaces):
    digest = hashlib.sha256()
    for name, tensor in sorted(load_file(made["clip"][0] / "model.safetensors").items()):
        digest.update(f"{name} torch.float32 {tuple(tensor.shape)}\n".encode() + tensor.numpy().tobytes())
    assert spaces["clip"].fingerprint == digest.hexdigest()


def copy(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to, dirs_exist_ok=True)
    return to


def test_the_fingerprint_follows_the_weights_not_the_folder_nor_the_number_of_files(made, spaces, tmp_path):
    folder, model = made["siglip"]
    split = copy(folder, tmp_path / "split")
    (split / "model.safetensors").unlink()
    model.save_pretrained(split, max_shard_size="5KB")
    assert len(weight_files(split)) > 1
    assert ClipSpace(str(split)).fingerprint == spaces["siglip"].fingerprint
    assert spaces["siglip"].fingerprint != spaces["clip"].fingerprint


def test_one_changed_weight_makes_another_space(made, spaces, tmp_path):
    folder = copy(made["clip"][0], tmp_path / "changed")
    weights = load_file(folder / "model.safetensors")
    weights["logit_scale"] += 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert ClipSpace(str(folder)).fingerprint != spaces["clip"].fingerprint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nobody/tiny-clip",
            r"nobody/tiny-clip was not downloaded\. .* models download nobody/tiny-clip.* hf download nobody/tiny-clip",
        ),
        ("./no such folder", r"no folder at \./no such folder, and it is no hub name\. Name a folder, or OWNER/MODEL"),
    ],
)
def test_a_checkpoint_that_is_nowhere_is_refused_with_the_next_step(name, message):
    with pytest.raises(NothingThere, match=message):
        ClipSpace(name)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no readable config\.json .* types: clip, siglip, siglip2"):
        ClipSpace(str(tmp_path))


@pytest.mark.parametrize(("config", "shown"), [({"model_type": "bert"}, "'bert'"), ({}, "None"), ([], "None")])
def test_a_model_of_another_kind_is_refused_by_name(tmp_path, config, shown):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=rf"is of type {shown}\. Name a folder or hub name of one of"):
        ClipSpace(str(tmp_path))


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_weights_are_refused_and_never_opened(made, tmp_path):
    folder = copy(made["clip"][0], tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(ConfigError, match=r"no model\.safetensors in .*pickled weights are not read"):
        ClipSpace(str(folder))
    assert not (tmp_path / "exploded").exists()


def test_torn_weights_are_refused_with_the_file(made, tmp_path):
    folder = copy(made["clip"][0], tmp_path / "torn")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=r"cannot load .*model\.safetensors: .*Download the checkpoint again"):
        ClipSpace(str(folder))


def test_a_missing_weight_is_not_filled_with_noise(made, tmp_path):
    folder = copy(made["clip"][0], tmp_path / "holes")
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"lacks 1 weights, first visual_projection\.weight\. Download"):
        ClipSpace(str(folder))


def test_a_weight_of_another_shape_is_refused(made, tmp_path):
    folder = copy(made["clip"][0], tmp_path / "shapes")
    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"] = torch.zeros(5, 5)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"cannot load .*model\.safetensors"):
        ClipSpace(str(folder))


@pytest.mark.parametrize("file", ["preprocessor_config.json", "tokenizer.json"])
def test_a_checkpoint_without_its_processors_is_refused(made, tmp_path, file):
    folder = copy(made["siglip2"][0], tmp_path / "half")
    (folder / file).unlink()
    with pytest.raises(ConfigError, match="lacks its (image processor|tokenizer)"):
        ClipSpace(str(folder))


@pytest.mark.skipif(importlib.util.find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
def test_a_sentencepiece_tokenizer_names_the_package_it_needs(made, tmp_path):
    folder = copy(made["siglip"][0], tmp_path / "pieces")
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": "SiglipTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(MissingPackage, match=r"sentencepiece.*pip install 'deepseek-mm\[siglip\]'"):
        ClipSpace(str(folder))


def test_a_siglip_model_without_a_pooling_head_is_refused(tmp_path):
    noisy(make_siglip(tmp_path, vision_use_head=False)).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="has no pooling head and so no picture vectors"):
        ClipSpace(str(tmp_path))
