"""The table of commands: who needs each, what it does, and one way to call it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command: its words, who needs it first, what it does, and one way to call it.

    user: "competitor", "organiser" or "analyst"; words: "cache build" is nested in `telltale cache`.
    """

    words: str
    user: str
    summary: str
    example: str

    @property
    def module(self) -> str:
        return f"telltale.cli.{self.words.replace(' ', '_').replace('-', '_')}"


USERS = {
    "competitor": "to train a model and hand in its scores",
    "organiser": "to check an entry and get its numbers again",
    "analyst": "to score clips of one's own",
}
# Of nested commands: what `telltale NAME --help` says above the list of them.
GROUPS = {
    "cache": "The decode-once store of a data set: training reads clips from it instead of decoding them.",
    "submit-log": "The submission ledger: what was submitted when, of which model, and its score.",
    "study": "Studies of a data set and a detector: many runs, or many clips, that answer one question.",
}
COMMANDS = (
    Command(
        "demo",
        "competitor",
        "the whole job on drawn data: data, training, prediction, evaluation, in minutes",
        "telltale demo",
    ),
    Command(
        "demo-data",
        "competitor",
        "draw a data set, genuine and forged, in the competition's layout",
        "telltale demo-data --out DIR --train 400",
    ),
    Command(
        "train",
        "competitor",
        "train one model and keep everything about it in one folder",
        "telltale train --config baseline --data DIR --out RUN",
    ),
    Command(
        "runs",
        "competitor",
        "training runs side by side: what differs, and how good each is",
        "telltale runs runs/ --sort auc",
    ),
    Command(
        "evaluate",
        "competitor",
        "metrics, intervals and figures from a label file and score files",
        "telltale evaluate --labels labels.csv --scores scores.csv --out evaluation",
    ),
    Command(
        "keys",
        "competitor",
        "every key of the configuration: default, range, meaning",
        "telltale keys optim",
    ),
    Command(
        "models",
        "competitor",
        "every detector: source, inputs, parameters, multiply-adds, time per clip",
        "telltale models xception lav",
    ),
    Command(
        "plan",
        "competitor",
        "what a run over N clips will cost here in time, disk and memory",
        "telltale plan --videos 178000 --config baseline",
    ),
    Command(
        "study generalise",
        "competitor",
        "train on some sets of clips, test on all, fine-tune on a few: what is lost and given back",
        "telltale study generalise --out OUT --config meso4 --set-of a=DIR_A --set-of b=DIR_B --shots 8 32",
    ),
    Command(
        "fetch-weights",
        "competitor",
        "download ImageNet-1K weights to where an offline run finds them",
        "telltale fetch-weights --config baseline",
    ),
    Command(
        "cache build",
        "competitor",
        "decode the training and validation clips into a store",
        "telltale cache build --config audiovisual --set data.spans=4 --data DIR --store STORE",
    ),
    Command("cache info", "competitor", "what a store holds", "telltale cache info --store STORE"),
    Command(
        "cache prune",
        "competitor",
        "free space in a store",
        "telltale cache prune --store STORE --keep-gb 50",
    ),
    Command(
        "study unseen",
        "competitor",
        "AUC on kinds of forgery that training has not seen, by held-out folds",
        "telltale study unseen --config baseline --data DIR --out UNSEEN --by methods --column kind",
    ),
    Command(
        "study estimate",
        "competitor",
        "whether such folds predict the AUC on new methods, on data whose methods are known",
        "telltale study estimate --config baseline meso4 --data ZOO --out E --column kind --methods",
    ),
    Command(
        "study ablation",
        "competitor",
        "what each ingredient of a configuration is worth, on seen and on unseen kinds of forgery",
        "telltale study ablation --config C --data DIR --out A --column kind --off flip=augment.flip_p=0",
    ),
    Command(
        "study search",
        "competitor",
        "search among configurations on held-out kinds, cheap first, by successive halving",
        "telltale study search --config C --choices FILE.yaml --data DIR --out S --by methods --column kind",
    ),
    Command(
        "validate-submission",
        "competitor",
        "check a submission as an organiser's script would",
        "telltale validate-submission submission.csv --list template.csv",
    ),
    Command(
        "submit-log add",
        "competitor",
        "note a submission",
        "telltale submit-log add submission.csv --phase validation --bundle BUNDLE",
    ),
    Command(
        "submit-log score",
        "competitor",
        "note the score that came back",
        "telltale submit-log score 1 --auc 0.8127",
    ),
    Command(
        "submit-log list",
        "competitor",
        "all submissions, and how far our estimates were from the scores",
        "telltale submit-log list --plot submissions.png",
    ),
    Command(
        "submit-log check",
        "competitor",
        "how many submissions are left today",
        "telltale submit-log check --phase validation",
    ),
    Command(
        "study probes",
        "competitor",
        "find shortcuts of a data set: what besides the forgery tells the classes apart",
        "telltale study probes --data DIR --apply baseline --to mine.yaml",
    ),
    Command(
        "bundle",
        "competitor",
        "a run with all that shows where its numbers come from, in one folder",
        "telltale bundle RUN --data DIR --out BUNDLE",
    ),
    Command(
        "study cluster-labels",
        "competitor",
        "which names of forgeries teach most: clusters, names, kinds, none",
        "telltale study cluster-labels --config C --data DIR --out LABELS --method-column kind",
    ),
    Command(
        "study cluster",
        "competitor",
        "group forged clips into kinds that nobody named, by a detector's features",
        "telltale study cluster RUN --data DIR --out CLUSTERS",
    ),
    Command(
        "study duplicates",
        "competitor",
        "group clips that are copies of one another, re-encoded, cropped, mirrored or scaled",
        "telltale study duplicates --data DIR --out DIR/groups.csv",
    ),
    Command(
        "audit",
        "organiser",
        "show whether a run keeps the competition's rules",
        "telltale audit RUN --strict",
    ),
    Command(
        "reproduce",
        "organiser",
        "get a bundle's numbers again: from scores, from weights, or by training",
        "telltale reproduce --tier scores BUNDLE",
    ),
    Command(
        "selftest",
        "organiser",
        "whether this machine decodes and scores as a bundle's did; --gpu: what only a GPU can show",
        "telltale selftest BUNDLE",
    ),
    Command(
        "predict",
        "analyst",
        "score videos with a trained model: a table, or submission.csv",
        "telltale predict --checkpoint RUN/best.pt --videos clip.mov",
    ),
)
