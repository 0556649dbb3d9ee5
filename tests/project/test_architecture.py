"""How the code is laid out: imports point one way, files and functions stay short, every config loads."""

import ast
import math
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from telltale import config

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"

# From the bottom up: the files beside the rooms, each of which may import those before it, then the rooms
# (the packages of telltale) by floor. A room imports from lines above its own only; its own files may import
# one another.
FLOORS = """
errors status files
runtime report
config decode metrics demo
forge zoo
data
models scores
competition evaluate predict
train
reproduce study
cli
"""
PROGRAMS = [ROOT / name for name in ("train.py", "predict.py")]


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def shipped() -> list[Path]:
    return python_files("src") + [path for path in PROGRAMS if path.exists()]


def own_files() -> list[Path]:
    return shipped() + python_files("tests", "bench", "report")


def identify(path: Path) -> str:
    """Parameter id: the path as people write it."""
    return path.relative_to(ROOT).as_posix()


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """src/telltale/decode/frames.py → telltale.decode.frames; train.py → train."""
    parts = path.relative_to(SOURCE if SOURCE in path.parents else ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in shipped()}


@cache
def imports(name: str) -> set[str]:
    """Everything that a module imports, anywhere in it: our own modules by their full name, others by their
    first."""
    found = set()
    for node in ast.walk(parse(modules()[name])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import; name the module in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = set()
    for target in found:
        while target.startswith("telltale") and target not in modules():
            target = target.rpartition(".")[0]
        ours.add(target if target in modules() else target.partition(".")[0])
    return ours - {name, ""}


def own_imports(name: str) -> set[str]:
    return {target for target in imports(name) if target.startswith("telltale.")}


def room(name: str) -> str:
    """telltale.decode.frames → decode; telltale.files → files; the programs and `python -m telltale` are
    above all rooms."""
    parts = name.split(".")
    return parts[1] if parts[0] == "telltale" and len(parts) > 1 and parts[1] != "__main__" else ""


def floor(name: str) -> float:
    files, *floors = [line.split() for line in FLOORS.strip().splitlines()]
    if room(name) in files:
        return files.index(room(name)) / len(files)
    for number, rooms in enumerate(floors, start=1):
        if room(name) in rooms:
            return number
    assert not room(name), f"{name} is in no room of FLOORS in {__file__}: give it one"
    return math.inf


@pytest.mark.parametrize("path", shipped(), ids=identify)
def test_imports_point_down(path: Path):
    name = name_of(path)
    if name == "telltale":
        assert own_imports(name) <= {
            "telltale.errors",
            "telltale.predict.api",
        }  # the latter when it is asked for
        return
    for target in own_imports(name):
        assert room(target) == room(name) or floor(target) < floor(name), (
            f"{name} imports {target}, which is not below it"
        )


def test_imports_make_no_circle():
    done: set[str] = set()

    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join((*above, name))
        if name not in done:
            for target in own_imports(name):
                walk(target, (*above, name))
            done.add(name)

    for name in modules():
        walk(name, ())


def test_the_rooms_are_few_and_all_there():
    files, *floors = FLOORS.strip().splitlines()
    rooms = " ".join(floors).split()
    assert len(rooms) == len(set(rooms)) <= 20
    assert len(floors) <= 9
    assert {*files.split(), *rooms} == {room(name) for name in modules()} - {""}


def test_tests_mirror_the_rooms():
    """tests/<room>/test_<file>.py; what is about several rooms is in tests/project."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    names = [path.name for path in files]
    # pytest imports test modules by their file names alone.
    assert len(names) == len(set(names)), (
        f"twice: {sorted({name for name in names if names.count(name) > 1})}"
    )
    folders = {path.parent.name for path in files}
    assert folders <= {*FLOORS.split(), "project"}
    assert not list((ROOT / "tests").glob("test_*.py"))


def test_report_imports_no_torch_however_far_one_looks():
    seen: set[str] = set()
    waiting = [name for name in modules() if name.startswith("telltale.report")]
    assert waiting
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting += [target for target in own_imports(name) if target not in seen]
    others = set().union(*(imports(name) for name in seen))
    assert not others & {"torch", "torchvision", "timm", "thop", "albumentations"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("telltale", "torch numpy pydantic yaml"),
        ("telltale.report.score_figures", "torch timm matplotlib.pyplot"),
        ("telltale.report.interval_figures", "torch timm matplotlib.pyplot"),
        ("telltale.report.training_figures", "torch timm matplotlib.pyplot"),
        ("telltale.metrics", "torch"),
        ("telltale.scores.table, telltale.scores.journal", "torch"),
        ("train, predict", "torch numpy pandas matplotlib librosa av cv2"),
        ("telltale.cli", "torch numpy pandas matplotlib librosa av cv2"),
    ],
)
def test_light_modules_stay_light(module: str, heavy: str):
    program = f"import sys, {module}; print(*(name for name in {heavy.split()} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_demo_stands_alone():
    for name in modules():
        if name.startswith("telltale.demo"):
            assert all(
                target in ("telltale.errors", "telltale.runtime.progress")
                or target.startswith("telltale.demo")
                for target in own_imports(name)
            ), name
        elif not name.startswith(("telltale.cli", "telltale.zoo")):
            assert not any(target.startswith("telltale.demo") for target in own_imports(name)), name


def test_one_room_for_each_of_these():
    """runtime/process.py alone makes processes, and nobody a DataLoader; runtime/distributed.py alone reads
    what torchrun sets."""
    makers, readers = set(), set()
    for path in shipped():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "os.fork",
                "torch.utils.data.DataLoader",
                "DataLoader",
            ):
                makers.add(path.name)
            if isinstance(node, ast.Constant) and node.value in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
                readers.add(path.name)
    assert makers == {"process.py"}
    assert readers == {"distributed.py"}


@pytest.mark.parametrize("path", own_files(), ids=identify)
def test_a_file_is_readable(path: Path):
    text, tree = path.read_text(encoding="utf-8"), parse(path)
    assert len(text.splitlines()) <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno + 1 <= 60, f"{node.name} has more than 60 lines"
    assert ast.get_docstring(tree), "wanted a docstring that says what the file does"
    assert not {part.lower() for part in path.relative_to(ROOT).with_suffix("").parts} & {
        *("utils", "util", "helpers", "helper", "misc", "common")
    }


def test_a_function_takes_six_parameters_at_most():
    found = set()
    for name, path in modules().items():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                taken += [each for each in (node.args.vararg, node.args.kwarg) if each is not None]
                if len([each for each in taken if each.arg not in ("self", "cls")]) > 6:
                    found.add(f"{name}.{node.name}")
    assert not found


def test_files_are_short():
    assert statistics.median(len(path.read_text(encoding="utf-8").splitlines()) for path in shipped()) < 120


@pytest.mark.parametrize("path", [*PROGRAMS, SOURCE / "telltale" / "cli" / "train.py"], ids=identify)
def test_programs_are_tables_of_contents(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80


def test_every_config_loads():
    paths = sorted(path for path in (ROOT / "configs").rglob("*") if path.is_file())
    assert {"baseline.yaml", "audiovisual.yaml"} <= {path.name for path in paths}
    for path in paths:
        assert path.suffix == ".yaml", f"{path} is no configuration"
        assert isinstance(config.read(path), config.Config)
