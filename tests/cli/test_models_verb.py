"""`telltale models`, the documents about detectors, and what one brief training of a few detectors shows."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import detectors, measure
from telltale import config
from telltale.cli import main
from telltale.cli import models as verb
from telltale.config.detectors import DETECTORS
from telltale.errors import InputError
from telltale.train import detector_costs

ROOT = Path(__file__).resolve().parents[2]


def test_every_detector_has_a_config_that_names_it() -> None:
    for name, entry in DETECTORS.items():
        settings = config.read(ROOT / "configs" / entry.config)
        assert settings.model.name == name
        assert settings.model.picture_backbone == entry.backbone or not entry.fixed
        assert entry.source and (ROOT / f"src/telltale/models/{entry.file}.py").is_file()


def test_a_list_of_objects_for_programs(capsys: pytest.CaptureFixture) -> None:
    assert main(["models", "--json", "--time", "meso4", "spsl", "ucf"]) == 0
    meso, spsl, ucf = json.loads(capsys.readouterr().out)
    assert (meso["name"], meso["parameters"], meso["thop_parameters"]) == ("meso4", 27_977, 27_977)
    assert meso["inputs"] == "8 frames of 256 x 256" and meso["config"] == "configs/meso4.yaml"
    assert meso["macs"] > 1e8 and meso["milliseconds_per_clip"] > 0 and meso["backbone"] is None
    assert spsl["parameters"] == 20_811_338 and spsl["backbone"] == "legacy_xception.tf_in1k"
    assert ucf["parameters"] == 22_252_586 and ucf["objective"] == "ucf" and "UCF" in ucf["source"]


def test_the_list_is_there_without_torch_and_knows_every_detector_as_it_is_shipped() -> None:
    shipped = {
        name: detector_costs.counted_fingerprint(config.read(Path("configs", entry.config)))
        for name, entry in DETECTORS.items()
    }
    counted = {name: known["settings"] for name, known in detector_costs.counted().items()}
    assert counted == shipped, "changed since they were counted: python -m bench.counts"
    program = "import sys; from telltale.cli import main; main(['models']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["name", *DETECTORS]


@pytest.mark.parametrize("name", ["meso4", "audiovisual"])
def test_what_is_listed_is_what_is_counted(name: str) -> None:
    settings = config.read(ROOT / "configs" / DETECTORS[name].config)
    assert detector_costs.measure(settings, timed=False) == detector_costs.counted()[name]["counts"]


def test_a_detector_that_was_not_counted_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_costs, "counted", dict)
    assert detector_costs.describe("meso4", timed=False)["parameters"] == 27_977


def test_a_table_for_people(capsys: pytest.CaptureFixture) -> None:
    assert main(["models", "mel_cnn", "shallownet_v3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "11,177,538" in lines[1] and "mel 128 x 376" in lines[1] and "25,804,578" in lines[2]


def test_a_name_that_is_none_is_refused_in_a_sentence() -> None:
    with pytest.raises(
        InputError, match="no detector is called 'xcption'; wanted one of mel_cnn, audiovisual"
    ):
        verb.run(verb_arguments("xcption"))


def verb_arguments(*words: str):
    import argparse

    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return parser.parse_args(words)


def test_the_document_on_adding_a_detector_shows_what_is_there() -> None:
    text = (ROOT / "docs/adding-a-detector.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```diff\n\+\+\+ (\S+)\n(.*?)```", text, re.S)
    assert [path for path, _ in blocks] == [
        "src/telltale/models/shallownet.py",
        "src/telltale/config/detectors.py",
        "configs/shallownet_v3.yaml",
    ]
    table = (ROOT / "src/telltale/config/detectors.py").read_text(encoding="utf-8")
    own = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(own) == 2 and "class SpslSettings" in own[0]
    assert all(block in table for block in own)
    for path, block in blocks:
        shown = "\n".join(line.removeprefix("+") for line in block.splitlines()) + "\n"
        whole = (ROOT / path).read_text(encoding="utf-8")
        assert shown in whole, path
        assert path.endswith("config/detectors.py") or shown == whole, path


def test_the_table_of_the_document_has_every_detector() -> None:
    text = (ROOT / "docs/detectors.md").read_text(encoding="utf-8")
    table = text.partition(measure.BEGIN)[2].partition(measure.END)[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", table, re.M)
    named = [name for name, _ in rows]
    # The flagship has a page of its own, until `make detectors` has trained it as the others.
    assert named == [name for name in DETECTORS if name in named or name != "flagship"]
    assert "flagship" in named or "[page of its own](flagship.md)" in text
    assert all(re.match(r" [01]\.\d{3} \[", cells) for _, cells in rows)
    assert (ROOT / "docs/detectors.png").stat().st_size > 10_000


def test_the_table_goes_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    auc = {"value": 0.9, "low": 0.8, "high": 1.0}
    row = {
        "name": "meso4",
        "seen": auc,
        "unseen": auc,
        "parameters": 27977,
        "macs": 5e8,
        "milliseconds_per_clip": 12.3,
    }
    lines = detectors.table([{**row, "training_seconds": 61.4, "per": "frame", "made": "2026-01-02"}])
    figures = "0.900 [0.800, 1.000] | 0.900 [0.800, 1.000] | 27,977 | 0.50 G | 12 | 61 s | frame | 2026-01-02"
    assert lines[2] == f"| `meso4` | {figures} |"
    path = tmp_path / "d.md"
    path.write_text(f"before\n{measure.BEGIN}\nold\n{measure.END}\nafter\n")
    measure.insert(path, lines)
    assert path.read_text() == "\n".join(["before", measure.BEGIN, *lines, measure.END, "after", ""])
    path.write_text("no marks\n")
    with pytest.raises(SystemExit, match="wanted the marks"):
        measure.insert(path, lines)


def test_rows_that_were_not_run_keep_their_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "d.md"
    document.write_text(f"before\n<!-- x{measure.BEGIN}\n{measure.END}\nafter\n")

    def measured(value: float) -> None:
        auc = {"value": value, "low": value - 0.1, "high": value + 0.05}
        costs = {"parameters": 1000, "macs": 1e9, "milliseconds_per_clip": 5.0}
        row = {"seen": auc, "unseen": auc, "training_seconds": 7.0, "per": "frame", "made": "2026-01-02"}
        monkeypatch.setattr(detectors, "make_data", lambda out: None)
        monkeypatch.setattr(detectors, "measure", lambda name, out, overrides: {"name": name, **row})
        monkeypatch.setattr(detectors, "costs", lambda names: [costs] * len(names))

    def run(*names: str) -> list[str]:
        assert detectors.main(["--out", str(tmp_path), "--table", str(document), "--only", *names]) == 0
        return document.read_text().splitlines()

    measured(0.5)
    first = run("spsl", "meso4")
    measured(0.75)
    second = run("resnet18", "spsl")
    assert [line.split("`")[1] for line in second if "`" in line] == ["meso4", "resnet18", "spsl"]
    kept, changed = [next(line for line in first if f"`{name}`" in line) for name in ("meso4", "spsl")]
    assert kept in second and changed not in second
    assert (second[0], second[-1]) == ("before", "after")
    name, seen, _ = detectors.aucs(next(line for line in second if "`spsl`" in line))
    assert (name, seen) == ("spsl", {"value": 0.75, "low": 0.65, "high": 0.8})
    assert (tmp_path / "d.png").stat().st_size > 1000
