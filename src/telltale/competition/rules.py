"""The competition's rules as checks, made before training and again on a checkpoint before prediction.

    # before anything is built or downloaded: which weights the run would begin with
    enforce_settings(settings)
    result = audit(model, settings)            # counts of the built model, and the weights it did begin with
    enforce(result, settings)                  # stops a run that breaks a rule
    result = result.having(of_reads(reads, data))      # what the run read, at its start and again at its end
    audit_record.write(result, run / "audit.json")

`rules.competition: false` lets such a run go on; its audit then says failed, whatever else it finds.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from telltale import config, models
from telltale.competition.audit_record import Audit, Finding, verdict
from telltale.competition.tags import check_tag
from telltale.config.detectors import DETECTORS
from telltale.data.mel import n_columns
from telltale.errors import InputError
from telltale.scores.score import first_few

COMPETITION_LIMIT = 200_000_000
NOT_YET = "not complete yet: training has not ended"


def check_settings(settings: config.Config) -> tuple[Finding, ...]:
    """What can be said of a configuration alone: its own rules, and the weights that each tower would begin
    with.

    Nothing is downloaded. Raises InputError where a backbone is unknown or a named file of weights cannot be
    read."""
    from telltale.models.weights import locate  # and timm with it

    towers = DETECTORS[settings.model.name].reads
    return (
        *_check_rules(settings.rules),
        *(check_weights(tower, asdict(locate(settings.model, tower))) for tower in towers),
    )


def _check_rules(rules: config.RulesSettings) -> tuple[Finding, ...]:
    """Whether the run is held to the competition's rules, and to its limit."""
    limit = (
        f"rules.max_parameters is {rules.max_parameters:,}; the competition's limit is {COMPETITION_LIMIT:,}"
    )
    return (
        Finding("competition", rules.competition, f"rules.competition is {str(rules.competition).lower()}"),
        Finding("limit", rules.max_parameters <= COMPETITION_LIMIT, limit),
    )


def check_weights(tower: str, provenance: dict[str, Any]) -> Finding:
    """The rule on pretraining for one tower, from a `weights.Provenance` as a mapping.

    Random weights pass, whatever the backbone. Others need an allowed tag, and a file that the configuration
    names has to be shown to be that tag's by its SHA-256: in a record of telltale fetch-weights, or in the
    publisher's own file name. A file in the folder of fetched weights may be there by hand; then its name
    declares the tag, which the detail says, with the SHA-256 that anyone can compare with the hub's.
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
    believed = {
        "record": "as fetched",
        "publisher": "SHA-256 as published",
        "name": "declared by its file name alone",
    }
    return Finding(
        rule, True, f"{tag} ({origin}): ImageNet-1K alone" + (f"; {believed[proof]}" if proof else "")
    )


def audit(model: nn.Module, settings: config.Config) -> Audit:
    """Count a built model, without what only training needs, and judge it.

    `model` is not touched: thop, which leaves buffers behind, gets a copy.

    thop knows torch's own layers only and counts everything else (class tokens, position embeddings, timm's
    norm layers) as nothing, so its figure, which the competition names, may be too small; the limit holds for
    the true count too.
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
        *(check_weights(tower, provenance[tower]) for tower in sorted(provenance)),
    )
    return Audit(
        settings.model.name, verdict(findings), true_count, thop_count, macs, limit, provenance, findings
    )


def _profile(model: nn.Module, settings: config.Config) -> tuple[int, int]:
    """(multiply-adds, parameters) as thop counts them over one clip, on the model's device; thop's buffers
    stay in it."""
    import thop

    device = next(model.parameters()).device
    clip, mel = settings.clip, settings.mel
    here = torch.ones(1, dtype=torch.bool, device=device)
    pictures = torch.zeros(1, clip.frames, 3, clip.image_size, clip.image_size, device=device)
    image = torch.zeros(1, mel.n_mels, n_columns(mel, clip.seconds), device=device)
    times = torch.linspace(0, clip.seconds, clip.frames, device=device).unsqueeze(0)
    try:
        macs, count = thop.profile(model, inputs=(pictures, image, here, here, times), verbose=False)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"model {settings.model.name} cannot read a clip of these settings "
            f"({' '.join(str(error).split())[:300]}); "
            f"wanted a clip.image_size, now {clip.image_size}, and a mel image that its backbones accept"
        ) from None
    return int(macs), int(count)


def enforce(result: Audit, settings: config.Config) -> None:
    """Raise InputError with the reasons, where the audit failed and the run is for the competition."""
    _stop(result.findings, settings)


def enforce_settings(settings: config.Config) -> None:
    """`check_settings`, and InputError with the reasons where it failed and the run is for the
    competition."""
    _stop(check_settings(settings), settings)


def _stop(findings: tuple[Finding, ...], settings: config.Config) -> None:
    broken = [f"{finding.rule}: {finding.detail}" for finding in findings if finding.passed is False]
    if broken and settings.rules.competition:
        raise InputError(
            f"the competition's rules forbid this run: {'; '.join(broken)}; change that, or set "
            "rules.competition=false to run "
            "outside the competition, as its audit will say"
        )


def of_reads(reads: Mapping[str, Any], data: str) -> tuple[Finding, ...]:
    """The rules on data, packages and network, from the tree of reads.json (`runfolder.Reads`) and the data's
    fingerprint.

    What was broken is broken at once; what was kept is known at the end of training only.
    """
    said = []
    for file in reads["files"]:
        rows = "" if file["rows"] is None else f", {file['rows']:,} rows"
        said.append(f"{file['path']} ({file['kind']}{rows}), SHA-256 {file['sha256']}")
    used = Finding("data used", True, "; ".join([*said, f"fingerprint of names, targets and methods {data}"]))
    return used, _files_read(reads), _packages(reads), _downloads(reads)


def _files_read(reads: Mapping[str, Any]) -> Finding:
    videos = reads["videos"].values()
    outside = [*(file["path"] for file in reads["files"] if not file["inside"])]
    outside += [f"{split['folder']}/{name}" for split in videos for name in split["outside"]]
    beyond = [entry["path"] for entry in reads["beyond"]]
    said = f"{sum(s['videos'] for s in videos):,} videos, {sum(s['bytes'] for s in videos):,} bytes"
    said += f", through the store {reads['store']}" if reads["store"] else ""
    broken = []
    if outside:
        broken.append(f"{len(outside)} lead out of the given folders: {first_few(outside)}")
    if beyond:
        broken.append(f"{len(beyond)} files were opened that the run was not given: {first_few(beyond)}")
    if broken:
        return Finding("files read", False, f"{said}; {'; '.join(broken)}")
    kept = f"{said}, all inside the given folders; the main process opened no other data file"
    return Finding("files read", *_at_the_end(reads, kept))


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
        "packages", *_at_the_end(reads, f"none that is known to bring weights from other data{others}")
    )


def _downloads(reads: Mapping[str, Any]) -> Finding:
    if reads["hosts"]:
        remedy = "public weights are fetched before training, by telltale fetch-weights"
        return Finding(
            "downloads", False, f"connected to, or looked up: {', '.join(reads['hosts'])}; {remedy}"
        )
    return Finding("downloads", *_at_the_end(reads, "no host was connected to"))


def _at_the_end(reads: Mapping[str, Any], kept: str) -> tuple[bool | None, str]:
    if not reads["complete"]:
        return None, NOT_YET
    if reads["unwatched"]:
        return (
            None,
            f"since it was resumed: {kept}; its first part was trained by a telltale that did not look",
        )
    return True, kept
