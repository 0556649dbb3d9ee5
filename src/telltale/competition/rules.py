"""The competition's rules as checks, made before training and again on a checkpoint before prediction.

    enforce_settings(settings)                     # before anything is built: the weights it would begin with
    result = audit(model, settings)                # of the built model: its counts and its first weights
    enforce(result, settings)                      # raises if the run breaks a rule
    result = result.having(of_reads(reads, data))  # what training read, after its start and after its end
    audit_record.write(result, run / "audit.json")

With `rules.competition: false` a run may break rules. Its audit then has the verdict failed in any case.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor, nn

from telltale import config, models
from telltale.competition.audit_record import Audit, Finding, verdict
from telltale.competition.tags import check_tag
from telltale.config import detectors
from telltale.config.detectors import DETECTORS
from telltale.errors import InputError
from telltale.models.blank_clip import blank_clip
from telltale.models.start import START
from telltale.scores.score import first_few

COMPETITION_LIMIT = 200_000_000
NOT_YET = "not complete yet: training has not ended"


def check_settings(settings: config.Config) -> tuple[Finding, ...]:
    """Check a configuration before its model is built: its section `rules`, and each tower's first weights.

    Nothing is downloaded. Raises InputError if a backbone is unknown or a named file of weights cannot be
    read.
    """
    from telltale.models.weights import locate  # imports timm, which takes seconds

    # Of a run that starts from a checkpoint, the checkpoint says what its towers began with.
    towers = () if settings.model.start_from else DETECTORS[settings.model.name].towers
    return (
        *_check_rules(settings.rules),
        *(check_weights(tower, asdict(locate(settings.model, tower))) for tower in towers),
    )


def _check_rules(rules: config.RulesSettings) -> tuple[Finding, ...]:
    """Check that the configuration keeps the competition's rules, and its limit of parameters."""
    limit = (
        f"rules.max_parameters is {rules.max_parameters:,}; the competition's limit is {COMPETITION_LIMIT:,}"
    )
    return (
        Finding("competition", rules.competition, f"rules.competition is {str(rules.competition).lower()}"),
        Finding("limit", rules.max_parameters <= COMPETITION_LIMIT, limit),
    )


def check_weights(tower: str, provenance: dict[str, Any]) -> Finding:
    """Check the rule on pretraining for one tower.

    tower: "picture" or "sound".
    provenance: where the weights come from, a `weights.Provenance` as a mapping.

    Random weights pass for every backbone. Other weights need a tag that `check_tag` allows. If the
    configuration names a file, its SHA-256 must prove the tag: it is in a record of telltale fetch-weights or
    in the file name that the publisher gave. A file in the folder of fetched weights may have been put there
    by hand. Then only its name states the tag. The detail says so, with the SHA-256, which can be compared
    with the one on the hub.
    """
    rule = f"{tower} weights"
    tag, source, proof = provenance["tag"], provenance["source"], provenance["proof"]
    if source == "random":
        return Finding(rule, True, f"{tag}: random, no pretraining")
    if source == "unknown":
        return Finding(rule, False, f"{tag}: the checkpoint does not say which weights training began with")
    origin = source if provenance["path"] is None else f"{source} {provenance['path']}"
    if provenance["sha256"] is not None:
        origin += f", SHA-256 {provenance['sha256']}"
    if (reason := check_tag(tag)) is not None:
        return Finding(rule, False, f"{tag} ({origin}): {reason}")
    if proof is None and source == "file":
        unproven = (
            "nothing shows that the file is this tag's: its SHA-256 is in no record of telltale fetch-weights"
        )
        return Finding(rule, False, f"declared as {tag} ({origin}): {unproven}")
    proofs = {
        "record": "as fetched",
        "publisher": "SHA-256 as published",
        "name": "declared by its file name alone",
    }
    return Finding(
        rule, True, f"{tag} ({origin}): ImageNet-1K alone" + (f"; {proofs[proof]}" if proof else "")
    )


def audit(model: nn.Module, settings: config.Config) -> Audit:
    """Count the parameters and multiply-adds of a built model, and check them with its settings and weights.

    Parts that only training needs are not counted. `model` is not changed: thop, which adds buffers to the
    modules, gets a copy.

    The competition counts parameters with thop. thop knows the layers of torch only. It misses parameters
    elsewhere, such as class tokens, position embeddings and timm's norm layers, so its count may be too
    small. Therefore the limit is also applied to the count of all parameters.
    """
    limit = settings.rules.max_parameters
    provenance: dict[str, dict[str, Any]] = {**model.provenance}  # type: ignore[dict-item]
    model = models.for_prediction(model)
    true_count = sum(parameter.numel() for parameter in model.parameters())
    macs, thop_count = _profile(model, settings)
    findings = (
        Finding(
            "parameters", true_count <= limit, f"{true_count:,} of at most {limit:,}, every tensor counted"
        ),
        Finding("parameters by thop", thop_count <= limit, f"{thop_count:,} of at most {limit:,}"),
        *_check_rules(settings.rules),
        *(check_weights(tower, provenance[tower]) for tower in sorted(provenance) if tower != START),
    )
    return Audit(
        settings.model.name, verdict(findings), true_count, thop_count, macs, limit, provenance, findings
    )


def _profile(model: nn.Module, settings: config.Config) -> tuple[int, int]:
    """(multiply-adds, parameters) of one clip as thop counts them. Adds thop's buffers to `model`."""
    import thop

    clip, reads = settings.clip, detectors.reads(settings.model)
    blank = blank_clip(settings.mel, clip, next(model.parameters()).device, reads)
    try:
        macs, count = thop.profile(_Called(model, blank), inputs=(), verbose=False)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"model {settings.model.name} cannot read a clip of these settings "
            f"({' '.join(str(error).split())[:300]}); wanted a clip.image_size, now {clip.image_size}, and a "
            "mel image that its backbones accept"
        ) from None
    return int(macs), int(count)


class _Called(nn.Module):
    """A call of `model` with `arguments`, which thop, that knows arguments without names only, can make."""

    def __init__(self, model: nn.Module, arguments: dict[str, Tensor]) -> None:
        super().__init__()
        self.model, self.arguments = model, arguments

    def forward(self) -> Any:
        return self.model(**self.arguments)


def enforce(result: Audit, settings: config.Config) -> None:
    """Raise InputError with the reasons if the audit failed and the run is for the competition."""
    _enforce(result.findings, settings)


def enforce_settings(settings: config.Config) -> None:
    """Raise InputError with the reasons if `check_settings` fails and the run is for the competition."""
    _enforce(check_settings(settings), settings)


def _enforce(findings: tuple[Finding, ...], settings: config.Config) -> None:
    broken = [f"{finding.rule}: {finding.detail}" for finding in findings if finding.passed is False]
    if broken and settings.rules.competition:
        raise InputError(
            f"the competition's rules forbid this run: {'; '.join(broken)}; change that, or set "
            "rules.competition=false to run outside the competition, as its audit will say"
        )


def check_start(provenance: Mapping[str, Any], data: str) -> tuple[Finding, ...]:
    """Check the rule on data for a run that starts from a checkpoint; () for any other run.

    provenance: of the model
    data: the fingerprint of this run's data

    The checkpoint, and the one that it started from in turn, must have been trained on the same data: then
    no other data reached the weights.
    """
    entry, others, origin = provenance.get(START), [], []
    while entry is not None:
        origin.append(f"{entry['path']}, SHA-256 {entry['sha256']}")
        if entry["data"] != data:
            others.append(f"{entry['path']} was trained on data {entry['data'] or 'that it does not name'}")
        entry = entry["before"]
    if not origin:
        return ()
    if others:
        return (Finding("start", False, f"{'; '.join(others)}; this run's data are {data}"),)
    return (Finding("start", True, f"{'; before it '.join(origin)}: trained on the same data {data}"),)


def enforce_start(provenance: Mapping[str, Any], data: str, settings: config.Config) -> None:
    """Raise InputError with the reason if `check_start` fails and the run is for the competition."""
    _enforce(check_start(provenance, data), settings)


def of_reads(reads: Mapping[str, Any], data: str) -> tuple[Finding, ...]:
    """Check the rules on data, packages and network.

    reads: the content of the run's reads.json.
    data: the fingerprint of the data's names, targets and methods.

    A finding fails as soon as its rule is broken. It passes only after the end of training.
    """
    files = []
    for file in reads["files"]:
        rows = "" if file["rows"] is None else f", {file['rows']:,} rows"
        files.append(f"{file['path']} ({file['kind']}{rows}), SHA-256 {file['sha256']}")
    used = Finding(
        "data used", True, "; ".join([*files, f"fingerprint of names, targets and methods {data}"])
    )
    return used, _files_read(reads), _packages(reads), _downloads(reads)


def _files_read(reads: Mapping[str, Any]) -> Finding:
    videos = reads["videos"].values()
    outside = [*(file["path"] for file in reads["files"] if not file["inside"])]
    outside += [f"{split['folder']}/{name}" for split in videos for name in split["outside"]]
    beyond = [entry["path"] for entry in reads["beyond"]]
    totals = f"{sum(s['videos'] for s in videos):,} videos, {sum(s['bytes'] for s in videos):,} bytes"
    totals += f", through the store {reads['store']}" if reads["store"] else ""
    broken = []
    if outside:
        broken.append(f"{len(outside)} lead out of the given folders: {first_few(outside)}")
    if beyond:
        broken.append(f"{len(beyond)} files were opened that the run was not given: {first_few(beyond)}")
    if broken:
        return Finding("files read", False, f"{totals}; {'; '.join(broken)}")
    kept = f"{totals}, all inside the given folders; the main process opened no other data file"
    return Finding("files read", *_if_complete(reads, kept))


def _packages(reads: Mapping[str, Any]) -> Finding:
    if reads["forbidden"]:
        return Finding(
            "packages",
            False,
            f"loaded, and known to bring weights from other data: {', '.join(reads['forbidden'])}",
        )
    others = (
        f"; not required by telltale, and loaded: {', '.join(reads['foreign'])}" if reads["foreign"] else ""
    )
    return Finding(
        "packages", *_if_complete(reads, f"none that is known to bring weights from other data{others}")
    )


def _downloads(reads: Mapping[str, Any]) -> Finding:
    if reads["hosts"]:
        remedy = "public weights are fetched before training, by telltale fetch-weights"
        return Finding(
            "downloads", False, f"connected to, or looked up: {', '.join(reads['hosts'])}; {remedy}"
        )
    return Finding("downloads", *_if_complete(reads, "no host was connected to"))


def _if_complete(reads: Mapping[str, Any], kept: str) -> tuple[bool | None, str]:
    """(passed, detail) of a rule that was not broken; passed is True if all of training was checked."""
    if not reads["complete"]:
        return None, NOT_YET
    if reads["unwatched"]:
        return (
            None,
            f"since it was resumed: {kept}; its first part was trained by a version that did not check this",
        )
    return True, kept
