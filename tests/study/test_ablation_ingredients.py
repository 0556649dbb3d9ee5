"""The tables of ingredients: every override loads on the detector's configurations, and does what it says."""

from pathlib import Path

import pytest

from telltale import config, models
from telltale.study.ablation_ingredients import INGREDIENTS, Ingredient, ingredients, variants

# All that can be taken out is in, at the smallest size.
FLAGSHIP = """
model:
  {name: flagship, picture_backbone: resnet10t, width: 16, flagship_native_channels: 4,
   flagship_mouth_channels: 4, flagship_sound_channels: 4, flagship_layers: 1, flagship_depth: 1}
clip: {seconds: 1.0, frames: 2, image_size: 64, native_size: 32, mouth_frames: 8, mouth_size: 32}
mel: {linear_bands: 16, n_mels: 16}
augment: {h264_p: 0.5, rescale_p: 0.5, gamma_p: 0.5, sound_codec_p: 0.5, band_limit_p: 0.5}
objective: {flagship_mixup: 0.5}
optim: {ema_decay: 0.9, select: pseudo}
predict: {crops: 2}
"""
ROOT = Path(__file__).resolve().parents[2]
CASES = [
    (detector, path)
    for detector in INGREDIENTS
    for path in [None, *sorted((ROOT / "configs").glob(f"{detector}*.yaml"))]
]


def settings_of(path: Path | None, tmp_path: Path) -> config.Config:
    if path is None:
        path = tmp_path / "all.yaml"
        path.write_text(FLAGSHIP)
    return config.read(path)


@pytest.mark.parametrize(
    ("detector", "path"), CASES, ids=[f"{name}-{path and path.stem}" for name, path in CASES]
)
def test_every_override_loads_and_changes_its_keys_alone(
    detector: str, path: Path | None, tmp_path: Path
) -> None:
    settings = settings_of(path, tmp_path)
    before = config.flatten(settings.model_dump(mode="json"))
    for each in INGREDIENTS[detector]:
        after = config.flatten(config.override(settings, list(each.off)).model_dump(mode="json"))
        assert {key for key in after if after[key] != before[key]} <= {
            text.partition("=")[0] for text in each.off
        }


def test_the_parts_of_the_model_are_smaller_or_fewer_without_an_ingredient(tmp_path: Path) -> None:
    settings = settings_of(None, tmp_path)
    chosen = ingredients("flagship", [], [])
    assert len({each.name for each in chosen}) == len(chosen) == len(INGREDIENTS["flagship"])
    found = variants(settings, chosen, [])
    assert [said.split()[0] for said in found.left_out] == ["pretrained"]  # this backbone has no weights yet

    def size(own: config.Config) -> int:
        model = models.build(own.model, own.mel, own.clip, initialise=False)
        return sum(each.numel() for each in model.parameters())

    whole = size(settings)
    for name in ("native", "linear_bands", "mel_bands", "motion", "in_step", "cross_attention"):
        assert size(found.settings[name]) < whole, name


def test_an_ingredient_says_what_takes_it_out() -> None:
    assert Ingredient("a", ("b.c=0", "b.d=0")).text == "b.c=0, b.d=0"
