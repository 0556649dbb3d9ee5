"""The configuration is closed, typed and reproducible: what is misspelt stops the run with the key's name."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml

from telltale.config import (
    SETTABLE,
    Config,
    check_overrides,
    dump,
    fingerprint,
    parse,
    read,
)
from telltale.config.detectors import DETECTORS
from telltale.errors import InputError


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "c.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def message(call, *args) -> str:
    with pytest.raises(InputError) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("model: {name: mel_cnnn}", "model.name"),
        ("model: {name: mel_cnn}\noptim: {rate: -1}", "optim.rate"),
        ("model: {name: mel_cnn}\noptim: {rate: fast}", "optim.rate"),
        ("model: {name: mel_cnn}\noptim: {rate: .inf}", "optim.rate"),
        ("model: {name: mel_cnn}\nclip: {seconds: .nan}", "clip.seconds"),
        ("model: {name: mel_cnn}\noptim: {epochs: 2.5}", "optim.epochs"),
        ("model: {name: mel_cnn}\noptim: 3", "optim"),
        ("model: {name: mel_cnn}\nmel: {fmax_hz: 9000}", "mel"),
        ("seed: 2", "model"),
    ],
)
def test_wrong_keys_and_values_are_named(write, text: str, key: str):
    path = write(text)
    assert message(read, path).startswith(f"{path}: {key}: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model: {name: mel_cnn}\noptmi: {rate: 1}", "unknown key optmi; did you mean optim?"),
        ("model: {name: mel_cnn}\noptim: {rat: 1}", "unknown key optim.rat; did you mean optim.rate?"),
        (
            "model: {name: mel_cnn, bakcbone: x}",
            "unknown key model.bakcbone; did you mean model.picture_backbone?",
        ),
        ("model: {name: mel_cnn}\nxyzzy: 1", "unknown key xyzzy; telltale keys lists them all"),
    ],
)
def test_an_unknown_key_gets_the_one_that_was_meant(write, text: str, says: str):
    path = write(text)
    assert message(read, path) == f"{path}: {says}"


def test_what_is_wrong_with_an_override_is_said_of_it(write):
    path = write("model: {name: mel_cnn}\noptim: {epochs: 0}")
    text = message(read, path, ["optim.rate=-1", "optim.lr=2", "optimzer.name=sgd"])
    assert f"{path}: optim.epochs: should be greater than or equal to 1, got 0" in text
    assert "--set optim.rate=-1: optim.rate: should be greater than 0, got -1" in text
    assert "--set optimzer.name=sgd: unknown key optimzer; did you mean optim?" in text
    assert "--set optim.lr=2: unknown key optim.lr; did you mean optim.rate?" in text


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("predict.span=3", "unknown key predict.span; did you mean predict.spans?"),
        ("predict.spans=0", "should be greater than or equal to 1, got 0"),
        ("optim.rate=1", "a trained model fixes this"),
    ],
)
def test_overrides_of_a_trained_model_are_checked_without_it(override: str, says: str):
    assert says in message(check_overrides, [override], SETTABLE)


def test_overrides_of_a_trained_model_that_it_may_take():
    check_overrides(
        ["clip.backend=decord", "predict.spans=3", "threads=2"], SETTABLE
    )  # decord: if sampling is exact there


def test_every_fault_is_named_at_once(write):
    text = message(read, write("model: {name: mel_cnn}\noptim: {rat: 1, epochs: 0}"))
    assert "unknown key optim.rat" in text
    assert "optim.epochs: " in text


def test_numbers_that_yaml_reads_as_text(write):
    path = write("model: {name: mel_cnn}\noptim: {rate: 1e-3, clip_norm: 1E0}")
    assert isinstance(yaml.safe_load(path.read_text())["optim"]["rate"], str)
    settings = read(path, ["optim.weight_decay=5e-2"])
    assert (settings.optim.rate, settings.optim.clip_norm, settings.optim.weight_decay) == (1e-3, 1.0, 0.05)


def test_yaml_reads_off_as_false(write):
    settings = read(write("model: {name: mel_cnn}\noptim: {autocast: off}"), ["predict.precision=off"])
    assert (settings.optim.autocast, settings.predict.precision) == ("off", "off")


def test_overrides(write):
    path = write("model: {name: mel_cnn}\noptim: {rate: 0.1}")
    settings = read(
        path,
        ["optim.rate=0.2", "optim.rate=0.3", "data.train_labels=a=b.csv", "seed=5", "model.pretrained=true"],
    )
    assert (settings.optim.rate, settings.data.train_labels, settings.seed, settings.model.pretrained) == (
        0.3,
        "a=b.csv",
        5,
        True,
    )
    assert read(path, ["model.picture_weights=null"]).model.picture_weights is None


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("optim.rate", "wanted KEY.PATH=VALUE"),
        ("=3", "wanted KEY.PATH=VALUE"),
        ("optim=3", "'optim' is a section; wanted one of its values, optim.KEY=VALUE"),
        ("optim={rate: 3}", "'optim' is a section"),
        ("clip={frames: 3}", "'clip' is a section"),
        ("clip=3", "clip: "),
        ("optim.rate={x: 3}", "'rate' is a section"),
        ("seed.x=3", "'seed' is a value, not a section"),
        ("optim.rate.x=3", "'rate' is a value, not a section"),
        ("optim.rat=3", "unknown key optim.rat"),
        ("otpim.rate=3", "unknown key otpim"),
        ("optim.rate=[1", "the value is not YAML"),
        ("optim..rate=3", "optim."),
    ],
)
def test_overrides_that_are_refused(write, override: str, says: str):
    assert says in message(read, write("seed: 1\nmodel: {name: mel_cnn}\noptim: {rate: 0.1}"), [override])


def test_base_is_one_level_and_merges_sections(write):
    write("model: {name: mel_cnn, width: 7}\noptim: {epochs: 3, rate: 0.5}", "base.yaml")
    settings = read(write("base: base.yaml\noptim: {rate: 0.25}"))
    assert (settings.model.width, settings.optim.epochs, settings.optim.rate) == (7, 3, 0.25)
    write("base: c.yaml", "d.yaml")
    assert "has a base of its own; wanted one level only" in message(read, write("base: d.yaml", "e.yaml"))
    assert "absent.yaml: cannot be read" in message(read, write("base: absent.yaml", "f.yaml"))


def test_files_that_hold_no_mapping(write, tmp_path: Path):
    assert "cannot be read (No such file or directory)" in message(read, tmp_path / "absent.yaml")
    assert "holds list" in message(read, write("- 1"))
    assert "holds NoneType" in message(read, write(""))
    assert "is not YAML" in message(read, write("a: [1"))
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe")
    assert "is not YAML" in message(read, tmp_path / "c.yaml")
    assert "refused" not in message(read, write("a: !!python/object/apply:os.getcwd []"))


def test_dump_is_read_back_unchanged(write):
    settings = read(
        write("model: {name: audiovisual}\noptim: {rate: 1e-7, clip_norm: 0.1}\nclip: {seconds: 3.3}")
    )
    again = read(write(dump(settings), "again.yaml"))
    assert again == settings
    assert dump(again) == dump(settings)
    assert parse(yaml.safe_load(dump(settings)), "checkpoint") == settings


def leaves(tree: dict, path: str = "") -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for key, value in tree.items():
        pairs += leaves(value, f"{path}{key}.") if isinstance(value, dict) else [(f"{path}{key}", value)]
    return pairs


def annotation(key: str) -> Any:
    """The type of a key's values: a Literal's arguments are its values."""
    section, _, last = key.rpartition(".")
    holder = Config.model_fields[section].annotation if section else Config
    assert holder is not None
    kind = holder.model_fields[last].annotation
    return kind if get_origin(kind) is Literal else None


def test_fingerprint_changes_with_every_value_and_nothing_else(write):
    text = "model: {name: audiovisual}\nclip: {sampling: exact}\nfolds: {by: methods}"
    path = write(text)
    settings = read(path)
    assert fingerprint(settings) == fingerprint(
        read(write(f"seed: 1\n{text}\noptim: {{rate: 3e-4}}", "x.yaml"))
    )
    assert len(fingerprint(settings)) == 16
    prints = {fingerprint(settings)}
    choices = {"model.name": "frame_cnn", "clip.backend": "decord", "model.picture_detector": "frame_cnn"}
    choices |= {"clip.jpeg_quality": "90", "data.workers": "3", "model.pooling": "attention"}
    texts = {"data.train_labels", "data.validation_labels", "data.train_videos", "data.validation_videos"}
    texts |= {
        "model.picture_backbone",
        "model.sound_backbone",
        "model.picture_weights",
        "model.sound_weights",
        "model.start_from",
    }
    choices |= {"folds.by": "none", "optim.select": "both", "pseudo.kinds": "[one]"}
    # Of other detectors than this one: no file can set them here.
    refused = {"clip.native_size": 64, "clip.mouth_frames": 9, "predict.crops": 2}
    texts |= {"data.method_column", "data.meta", "objective.landmarks"}
    texts |= {"folds.clusters", "folds.identity_column", "folds.groups"}
    # A model of both senses has no other value of objective.per.
    pairs = [pair for pair in leaves(settings.model_dump()) if pair[0] != "objective.per"]
    for key, value in pairs:
        if key in refused:
            section, _, last = key.partition(".")
            part = getattr(settings, section).model_copy(update={last: refused[key]})
            prints.add(fingerprint(settings.model_copy(update={section: part})))
            continue
        if key in choices or key in texts:
            other = choices.get(key, "other")
        elif literals := get_args(annotation(key)):
            other = next(each for each in literals if each not in (value, None))
        elif isinstance(value, bool):
            other = str(not value).lower()
        elif isinstance(value, int):
            other = str(value + 1)
        elif key == "mel.fmax_hz":
            other = "7000.0"
        else:
            other = "0.35" if value is None else str(float(str(value)) * 0.5 + 0.001)
        prints.add(fingerprint(read(path, [f"{key}={other}"])))
    assert len(prints) == len(pairs) + 1


def test_settings_are_frozen(write):
    settings = read(write("model: {name: mel_cnn}"))
    assert isinstance(settings, Config)
    with pytest.raises(ValueError, match="frozen"):
        settings.optim.rate = 1.0  # type: ignore[misc]


def test_any_frame_level_detector_fits_into_the_shipped_audiovisual_config():
    path = Path(__file__).parents[2] / "configs/audiovisual.yaml"
    assert read(path).model.picture_backbone == "efficientnet_b0.ra_in1k"
    for name, entry in DETECTORS.items():
        if entry.per_frame:
            model = read(path, [f"model.picture_detector={name}"]).model
            assert (model.picture_detector, model.picture_backbone) == (name, entry.backbone)
