"""The table of a data set's clips."""

import shutil
from pathlib import Path

import pytest

from telltale.errors import InputError
from telltale.study.clips import manifest_of, read_clips, require_column


def test_each_labelled_clip_has_a_row_with_its_file_and_what_meta_says(clips: Path) -> None:
    table = read_clips(clips)
    assert set(table["split"]) == {"train", "validation", "test"}
    assert all(Path(path).is_file() for path in table["path"])
    assert "identity" in table
    assert table["video_name"].is_unique
    forged = table["target"] == 1
    assert forged.any()
    kind = "kind" if "kind" in table else "method"
    assert (table.loc[forged, kind] != "").all()
    manifest = manifest_of(table[forged], "train", kind)
    assert [row.method for row in manifest.rows] == table.loc[forged, kind].tolist()
    assert manifest.n_genuine == 0


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "data"))


def test_a_clip_that_meta_does_not_know_is_named(copy: Path) -> None:
    lines = (copy / "meta.csv").read_text().splitlines()
    (copy / "meta.csv").write_text("\n".join(lines[:-1]) + "\n")
    name = lines[-1].split(",")[0]
    with pytest.raises(InputError, match=rf"meta\.csv: 1 labelled videos have no row: '{name}'"):
        read_clips(copy)
    assert len(read_clips(copy, ["train"])) == 16


def test_a_column_of_the_labels_goes_before_that_of_meta(copy: Path) -> None:
    labels = copy / "train_labels.csv"
    header, *rows = labels.read_text().splitlines()
    labels.write_text("\n".join([f"{header},kind", *(f"{row},mine" for row in rows)]) + "\n")
    assert set(read_clips(copy, ["train"])["kind"]) == {"mine"}


def test_missing_files_columns_and_double_names_are_refused(copy: Path) -> None:
    with pytest.raises(InputError, match="have a column 'method'; they have kind, identity"):
        require_column(read_clips(copy), "method", copy)
    row = (copy / "train_labels.csv").read_text().splitlines()[1]
    with (copy / "test_labels.csv").open("a") as file:
        file.write(f"{row}\n")
    with pytest.raises(InputError, match="1 videos are in two label files"):
        read_clips(copy)
    (copy / "train" / row.split(",")[0]).unlink()
    with pytest.raises(InputError, match="1 listed videos are missing"):
        read_clips(copy, ["train"])
