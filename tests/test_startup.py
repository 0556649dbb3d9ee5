"""What is imported when, never how long it takes: what decodes needs neither timm nor scikit-learn, and the help needs nothing."""

import subprocess
import sys

import pytest

HEAVY = "torch._dynamo torchvision timm sklearn pandas numba librosa matplotlib albumentations thop scipy.signal tensorboard"


@pytest.mark.parametrize(
    ("program", "spared"),
    [
        ("import telltale.cli; telltale.cli.main(['--version'])", f"torch numpy av cv2 pydantic {HEAVY}"),
        ("import telltale.feed, telltale.data", HEAVY),
        ("import predict", HEAVY),
    ],
)
def test_the_way_to_the_first_decoded_batch_is_spared(program: str, spared: str):
    check = f"try:\n    {program}\nexcept SystemExit:\n    pass\nimport sys\nprint('loaded', *(n for n in {spared.split()} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["loaded"]
