"""Every fault of a folder of videos is named with its path and what to do."""

import time
from pathlib import Path

import pytest
from worlds.hostile import Source

from telltale import config
from telltale.data.manifest import Row, read_data, read_names
from telltale.errors import InputError

GOOD = "video_name,target\na.mp4,0\nb.mp4,1\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The competition's layout: a, b in train; c, d in validation."""
    for split, names in (("train", "ab"), ("validation", "cd")):
        (tmp_path / split).mkdir()
        for name in names:
            (tmp_path / split / f"{name}.mp4").touch()
        (tmp_path / f"{split}_labels.csv").write_text(
            f"video_name,target\n{names[0]}.mp4,0\n{names[1]}.mp4,1\n"
        )
    return tmp_path


def message(call, *args, **kwargs) -> str:
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_read_data(root: Path):
    train, validation = read_data(root, config.DataSettings())
    assert train.split == "train"
    assert train.rows == (Row("a.mp4", root / "train/a.mp4", 0), Row("b.mp4", root / "train/b.mp4", 1))
    assert (validation.split, validation.missing, validation.unlisted) == ("validation", (), ())
    assert (validation.n_genuine, validation.n_forged) == (1, 1)


def test_rows_keep_the_file_s_order(root: Path):
    (root / "train_labels.csv").write_text("video_name,target\nb.mp4,1\na.mp4,0\n")
    assert [row.video_name for row in read_data(root, config.DataSettings())[0].rows] == ["b.mp4", "a.mp4"]


def test_missing_videos_stop_or_are_counted(root: Path):
    labels = root / "train_labels.csv"
    labels.write_text(GOOD + "".join(f"{name}.mp4,1\n" for name in "wxyz"))
    (root / "train" / "z.mp4").symlink_to(root / "nowhere.mp4")
    text = message(read_data, root, config.DataSettings())
    assert text.startswith(
        f"{labels}: 4 of 6 videos are not in {root / 'train'}, the first 'w.mp4' (line 4), 'x.mp4' (line 5), "
    )
    assert text.endswith("--set data.allow_missing=true")
    train, _ = read_data(root, config.DataSettings(allow_missing=True))
    assert train.missing == ("w.mp4", "x.mp4", "y.mp4", "z.mp4")
    assert [row.video_name for row in train.rows] == ["a.mp4", "b.mp4"]


def test_unlisted_videos_stop_or_are_counted(root: Path):
    for name in ("z.mp4", "y.MP4", "notes.txt", "mp4"):
        (root / "validation" / name).touch()
    text = message(read_data, root, config.DataSettings())
    assert text.startswith(
        f"{root / 'validation'}: 2 .mp4 files are not listed in {root / 'validation_labels.csv'}"
    )
    assert "'y.MP4', 'z.mp4'" in text
    assert text.endswith("--set data.allow_unlisted=true")
    assert read_data(root, config.DataSettings(allow_unlisted=True))[1].unlisted == ("y.MP4", "z.mp4")


def test_a_folder_in_place_of_a_video(root: Path):
    (root / "train" / "b.mp4").unlink()
    (root / "train" / "b.mp4").mkdir()
    text = message(read_data, root, config.DataSettings(allow_missing=True, allow_unlisted=True))
    assert text.startswith(
        f"{root / 'train_labels.csv'}:3: {root / 'train/b.mp4'} is a folder or device; wanted a video file"
    )


def test_a_name_in_both_splits(root: Path):
    (root / "validation_labels.csv").write_text("video_name,target\nc.mp4,0\nd.mp4,1\nb.mp4,1\n")
    text = message(read_data, root, config.DataSettings())
    assert text.startswith(
        f"{root / 'validation_labels.csv'}: 1 videos are listed in {root / 'train_labels.csv'} too"
    )
    assert "'b.mp4' (line 4)" in text


@pytest.mark.parametrize(
    ("target", "counts"), [(0, "2 genuine (0) and 0 deepfake (1)"), (1, "0 genuine (0) and 2 deepfake (1)")]
)
@pytest.mark.parametrize(("split", "names"), [("train", "ab"), ("validation", "cd")])
def test_one_class(root: Path, split: str, names: str, target: int, counts: str):
    file = root / f"{split}_labels.csv"
    file.write_text("video_name,target\n" + "".join(f"{name}.mp4,{target}\n" for name in names))
    assert message(read_data, root, config.DataSettings()).startswith(f"{file}: {counts} videos can be read")


def test_one_class_left_when_the_other_is_missing(root: Path):
    (root / "train" / "a.mp4").unlink()
    text = message(read_data, root, config.DataSettings(allow_missing=True))
    assert "0 genuine (0) and 1 deepfake (1) videos can be read (1 missing)" in text


def test_one_folder_for_both_splits(root: Path):
    for name in "cd":
        (root / "validation" / f"{name}.mp4").rename(root / "train" / f"{name}.mp4")
    settings = config.DataSettings(validation_videos="train")
    train, validation = read_data(root, settings)
    assert [row.video_name for row in (*train.rows, *validation.rows)] == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]
    (root / "train" / "e.mp4").touch()
    assert "1 .mp4 files are not listed" in message(read_data, root, settings)


def test_absent_folder_and_paths_set_one_by_one(root: Path):
    (root / "train").rename(root / "elsewhere")
    text = message(read_data, root, config.DataSettings())
    assert text.startswith(f"{root / 'train'}: cannot be read as a folder (No such file or directory)")
    assert "--set data.train_videos=FOLDER" in text
    assert len(read_data(root, config.DataSettings(train_videos="elsewhere"))[0].rows) == 2
    absolute = config.DataSettings(
        train_videos=str(root / "elsewhere"), train_labels=str(root / "train_labels.csv")
    )
    assert len(read_data(root, absolute)[0].rows) == 2
    assert "Not a directory" in message(read_data, root, config.DataSettings(train_videos="train_labels.csv"))


def test_clips_in_the_competitions_layout(clips: Path, source: Source):
    train, validation = read_data(clips, config.DataSettings())
    counts = {"drawn": (16, 8, 10), "real": (67, 21, 38)}[source]
    assert all(row.path.is_file() for row in (*train.rows, *validation.rows))
    assert (len(train.rows), len(validation.rows), len(read_names(clips / "test_labels.csv"))) == counts


def test_a_quarter_of_a_million_rows_are_read_in_seconds(root: Path):
    labels = root / "train_labels.csv"
    with labels.open("a") as file:
        file.writelines(f"{k:032x}.mp4,{k % 2}\n" for k in range(242_000))
    (root / "train/z.mp4").touch()
    start = time.process_time()
    manifest, _ = read_data(root, config.DataSettings(allow_missing=True, allow_unlisted=True))
    assert time.process_time() - start < 3
    assert [row.video_name for row in manifest.rows] == ["a.mp4", "b.mp4"]
    assert (len(manifest.missing), manifest.unlisted) == (242_000, ("z.mp4",))
