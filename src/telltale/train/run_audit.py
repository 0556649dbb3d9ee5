"""The audit of a run while it trains: reads.json and audit.json in its folder, written before its first step
and kept up to date."""

import sys

from telltale import config
from telltale.competition import access, audit_record, packages, rules
from telltale.data import folds
from telltale.errors import InputError
from telltale.files import write_text
from telltale.train import splits
from telltale.train.context import RunContext, RunInputs
from telltale.train.reads import TrainingReads, given_files
from telltale.train.run_folder import write_environment


class RunAudit:
    """What a run has read so far, and the audit that follows from it. Every process has one; the main process
    writes.

    audit: the audit of the model, to which the findings on the run are added
    data: fingerprint of the data
    reads: the record in the run's folder, None in other processes than the main one
    access_log: what this process opened and connected to
    """

    def __init__(
        self,
        audit: audit_record.Audit,
        data: str,
        context: RunContext,
        reads: TrainingReads | None,
        access_log: access.AccessLog,
    ) -> None:
        self.audit, self.data, self.process = audit, data, context.process
        self._reads, self._access_log = reads, access_log
        self._write()

    def update(self) -> None:
        """Add what was read since the last call. All processes call it before weights are saved, so that the
        record of what they were trained on is written first."""
        new = (access.new_files(self._access_log), sorted(self._access_log.hosts))
        by_rank = self.process.gather(new)
        if self._reads is not None and sum(self._reads.add(files, hosts) for files, hosts in by_rank):
            self._write()

    def finish(self) -> None:
        """Complete the record and the audit: training is over. All processes call it."""
        self.update()
        by_rank = self.process.gather(packages.third_party_modules(sys.modules))
        if self._reads is not None:
            forbidden, foreign = (
                sorted({name for modules in by_rank for name in modules[kind]}) for kind in (0, 1)
            )
            self._reads.finish(forbidden, foreign)
            self._write()

    def _write(self) -> None:
        if self._reads is None:
            return
        single = audit_record.Finding("single model", None, rules.NOT_YET)
        if self._reads.tree["complete"]:
            single = audit_record.single_model(self._reads.folder)
        start = rules.check_start(self.audit.provenance, self.data)
        self.audit = self.audit.having([*start, *rules.of_reads(self._reads.tree, self.data), single])
        audit_record.write(self.audit, self._reads.folder / "audit.json")


def begin(
    inputs: RunInputs, context: RunContext, audit: audit_record.Audit, access_log: access.AccessLog
) -> RunAudit:
    """Write what a run's folder says before the first step: config.yaml, environment.json, reads.csv,
    reads.json and audit.json. Print the audit in one line.

    audit: of the model; access_log: what this process opened so far. All processes call it. Raises
    InputError, with nothing written, if the data differ (see `splits.shared_fingerprint`), for synchronised
    batch norm without CUDA, and for a start from a checkpoint that the competition forbids.
    """
    settings, process, resumed = context.settings, context.process, inputs.resumed is not None
    data = splits.shared_fingerprint(inputs, process)
    if settings.optim.sync_batch_norm and process.world > 1 and process.device.type != "cuda":
        raise InputError(
            "optim.sync_batch_norm=true: batch norm over several processes works on CUDA only; set it to "
            "false"
        )
    rules.enforce_start(audit.provenance, data, settings)
    reads = None
    if process.main:
        write_text(inputs.folder / "config.yaml", config.dump(settings))
        write_environment(inputs.folder, process.world, resumed=resumed)
        given = given_files(settings, audit.provenance, inputs.configs)
        given += [(kind, path) for kind, path in folds.given_files(settings, inputs.data) if path.is_file()]
        digests = [tower["sha256"] for tower in audit.provenance.values() if tower["sha256"]]
        reads = TrainingReads(inputs, settings.data, given, digests)
    of_run = RunAudit(audit, data, context, reads, access_log)
    context.say(audit_record.one_line(of_run.audit))
    return of_run
