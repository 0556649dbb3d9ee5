"""Configurations that an older Telltale resolved: what they do not say is what was done then."""

from pathlib import Path

import pytest
import yaml

from telltale.config import EARLIER, dump, fingerprint, override, parse, read
from telltale.errors import InputError


def test_a_resolved_configuration_from_before_some_keys_keeps_what_was_done_then(tmp_path: Path) -> None:
    """Its fingerprint, too, is what it was."""
    path = Path(__file__).parents[1] / "worlds" / "resolved.yaml"
    then = read(path)
    assert fingerprint(then, yaml.safe_load(path.read_text())) == "dc4c5b11193bc7ef"
    assert all(
        getattr(getattr(then, name), key) == value
        for name, keys in EARLIER.items()
        for key, value in keys.items()
    )
    assert parse(yaml.safe_load(dump(then)), "again") == then == override(then, [])
    (tmp_path / "today.yaml").write_text("model: {name: audiovisual}\n")
    # What it does say counts, and a file of a few sections is of today.
    assert read(path, ["model.audiovisual_clock=seconds"]).model.audiovisual_clock == "seconds"
    assert read(tmp_path / "today.yaml").model.audiovisual_clock == "seconds"
    with pytest.raises(InputError, match="model: should be a valid dictionary"):
        parse({**yaml.safe_load(dump(then)), "model": 3}, "broken")
