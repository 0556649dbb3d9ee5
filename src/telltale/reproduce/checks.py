"""The checks of a bundle: files, agreement of the files with each other, versions, data.

    bundle = read(folder)
    findings = [*check_files(bundle), *check_agreement(bundle), *check_versions(bundle)]
    findings += check_data(bundle, Path("/data"), ["test"])

Each check is a list of findings that name their cause. The hashes find a file that was changed. The agreement
finds a change whose hash was changed too: config, seed, weights and scores are written in more than one file.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from telltale import config
from telltale.competition.audit_record import Finding
from telltale.errors import InputError
from telltale.files import read_table, sha256
from telltale.models import checkpoint
from telltale.reproduce.bundle import NEEDED, Bundle, ScoreSet, contents, hashes
from telltale.runtime import environment
from telltale.scores import sidecar


def check_files(bundle: Bundle) -> list[Finding]:
    """Whether the bundle has every file that bundle.json lists, with its SHA-256, and no other file."""
    digests = hashes(bundle.folder, contents(bundle.folder))
    names = dict.fromkeys((*bundle.files, *NEEDED))
    wrong = [f"{name} is missing" for name in names if name not in digests]
    wrong += [
        f"{name} has other content"
        for name, digest in bundle.files.items()
        if digests.get(name, digest) != digest
    ]
    wrong += [f"{name} does not belong to it" for name in digests if name not in bundle.files]
    return [Finding("files", not wrong, few(wrong) or f"{len(digests)}, each with its SHA-256")]


def check_agreement(bundle: Bundle) -> list[Finding]:
    """Whether bundle.json, config.yaml, best.pt and the side files say the same of config, seed, data, model
    and scores.

    The files must exist. Raises InputError if one cannot be read.
    """
    content = checkpoint.facts(bundle.model_file)
    settings = config.read(bundle.config_file)
    trained, digest = config.parse(content["config"], "best.pt"), sha256(bundle.model_file)
    differing = [] if settings == trained else changed_keys(trained, settings)
    wrong = [f"config.yaml: {key}, as trained: {said}" for key, said in differing]
    fingerprint = config.fingerprint(trained, content["config"])
    if fingerprint != bundle.config:
        wrong.append(f"best.pt was trained with config {fingerprint}, not {bundle.config}")
    seeds = [f"{what}: {seed}" for what, seed in (("config.yaml", settings.seed), ("best.pt", trained.seed))]
    other_seed = settings.seed != bundle.seed or trained.seed != bundle.seed
    other_data = content["data"] != bundle.data
    findings = [
        Finding("config", not wrong, few(wrong) or f"{bundle.config} in config.yaml and best.pt alike"),
        Finding(
            "seed",
            not other_seed,
            f"{bundle.seed}" + (f" in bundle.json, {', '.join(seeds)}" if other_seed else ""),
        ),
        Finding(
            "data",
            not other_data,
            bundle.data + (f" in bundle.json, {content['data']} in best.pt" if other_data else ""),
        ),
    ]
    other_model = "" if digest == bundle.model_sha256 else f", not {bundle.model_sha256[:16]}"
    findings.append(Finding("weights", not other_model, f"best.pt is {digest[:16]}{other_model}"))
    return [*findings, *(_of_scores(bundle, one, trained, content["config"]) for one in bundle.sets)]


def _of_scores(bundle: Bundle, one: ScoreSet, trained: config.Config, stored: dict[str, Any]) -> Finding:
    rule = f"scores of {one.name}"
    try:
        origin = sidecar.check(bundle.scores(one.name))
    except InputError as error:
        return Finding(rule, False, str(error))
    used = config.fingerprint(config.override(trained, list(one.overrides)), stored)
    for what, given, expected in (
        ("model", origin.model_sha256, bundle.model_sha256),
        ("config", origin.config, used),
        ("data", origin.data, bundle.data),
    ):
        if given != expected:
            return Finding(
                rule, False, f"come from another {what}: {(given or 'not known')[:16]}, not {expected[:16]}"
            )
    return Finding(rule, True, f"{origin.rows:,} rows of this model")


def changed_keys(before: config.Config, after: config.Config) -> list[tuple[str, Any]]:
    """("key=value after", value before) of every key that differs."""
    old, new = (config.flatten(one.model_dump(mode="json")) for one in (before, after))
    return [(f"{key}={new.get(key)}", value) for key, value in old.items() if new.get(key) != value]


def check_versions(bundle: Bundle, packages: Collection[str] | None = None) -> list[Finding]:
    """Whether the program, Python and the packages have the bundle's versions.

    packages: those that the results to come depend on; None: all of the bundle's.
    """
    compared = {
        name: version
        for name, version in bundle.packages.items()
        if packages is None or name in ("python", *packages)
    }
    other = environment.differences({"code": bundle.code, "packages": compared})
    return [Finding("versions", not other, few(other) or f"telltale {bundle.code} and its packages")]


def check_data(bundle: Bundle, root: Path, below: Sequence[str]) -> list[Finding]:
    """Whether the data folder `root` has the files of data.csv, with their SHA-256.

    below: the folders and files below `root` to look at. Raises InputError if data.csv cannot be read.
    """
    listed = bundle.folder / "data.csv"
    (_, header), *rows = read_table(listed, "the list of files that telltale bundle wrote")
    try:
        path_at, digest_at = header.index("path"), header.index("sha256")
        digests = {row[path_at]: row[digest_at] for _, row in rows}
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{listed}: is damaged ({error}); wanted the list of files that telltale bundle wrote"
        ) from None
    names = [
        name for name in digests if any(name == start or name.startswith(f"{start}/") for start in below)
    ]
    actual = hashes(root, [root / name for name in names if (root / name).is_file()])
    wrong = [f"{name} is missing" for name in names if name not in actual]
    wrong += [f"{name} has other content" for name, digest in actual.items() if digest != digests[name]]
    if not names:
        wrong.append(f"data.csv lists nothing in {', '.join(below)}")
    return [
        Finding(
            "data files", not wrong, f"{root}: {few(wrong) or f'{len(names):,} files, each with its SHA-256'}"
        )
    ]


def few(things: Sequence[str], shown: int = 3) -> str:
    """The first few, separated by semicolons, and how many more there are."""
    return "; ".join(things[:shown]) + (f"; and {len(things) - shown} more" if len(things) > shown else "")
