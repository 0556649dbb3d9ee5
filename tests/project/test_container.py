"""The image and the services: offline, as the caller, and nothing but the output folder is written."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def compose(*names: str) -> dict[str, Any]:
    return {name: yaml.safe_load((ROOT / name).read_text())["services"] for name in names}


SERVICES: dict[str, dict[str, Any]] = compose("docker-compose.yml")["docker-compose.yml"]


def test_the_image_builds_from_any_base_and_runs_as_nobody_special() -> None:
    instructions = [line for line in DOCKERFILE.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert instructions[:2] == ["ARG BASE=python:3.11-slim-bookworm", "FROM ${BASE} AS installer"]
    assert "syntax=" not in DOCKERFILE
    for stage in ("program", "test"):  # the first is the image's, the second begins from it
        users = re.findall(
            r"^USER (.*)$", DOCKERFILE.partition(f" AS {stage}\n")[2].partition("\nFROM ")[0], re.M
        )
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert next(line for line in instructions if line.startswith("ENTRYPOINT")).startswith('ENTRYPOINT ["')
    assert next(line for line in instructions if line.startswith("CMD")).startswith('CMD ["')


def test_a_change_of_the_source_does_not_install_the_lock_again() -> None:
    copied, installed = (
        DOCKERFILE.index("COPY requirements.lock"),
        DOCKERFILE.index("--require-hashes -r $lock"),
    )
    assert copied < installed < DOCKERFILE.index("COPY . .")


def test_everything_that_libraries_write_goes_to_a_place_that_can_be_written() -> None:
    settings = dict(
        re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^ENV (.*)", DOCKERFILE.replace("\\\n", ""), re.M)))
    )
    for name in (
        "HOME",
        "XDG_CACHE_HOME",
        "MPLCONFIGDIR",
        "TORCH_HOME",
        "HF_HOME",
        "HYPOTHESIS_STORAGE_DIRECTORY",
    ):
        assert settings[name].startswith("/tmp"), name
    assert f"VOLUME {settings['NUMBA_CACHE_DIR']}" in DOCKERFILE
    wanted = {
        "HF_HUB_OFFLINE": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "TELLTALE_WEIGHTS": "/weights",
        "PYTHONUNBUFFERED": "1",
    }
    assert wanted.items() <= settings.items()


@pytest.mark.parametrize("service", [*SERVICES])
def test_each_service_runs_offline_walled_in_and_as_the_caller(service: str) -> None:
    settings = SERVICES[service]
    assert settings["image"] == ("telltale-test" if service == "test" else "telltale")
    assert settings["network_mode"] == "none"
    assert settings["read_only"] is True
    assert settings["user"] == "${HOST_UID:-1000}:${HOST_GID:-1000}"
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["init"] is True
    assert settings["shm_size"]
    assert settings["stop_grace_period"]
    assert [entry.split(":")[0] for entry in settings["tmpfs"]] == ["/tmp"]
    assert isinstance(settings["entrypoint"], list)
    assert settings["command"] == []


def test_only_the_output_folder_can_be_written_and_no_folder_is_made_as_root() -> None:
    for name, settings in SERVICES.items():
        for volume in settings.get("volumes", []):
            assert volume.get("read_only", False) is (volume["target"] != "/output"), (name, volume)
            assert volume["bind"] == {"create_host_path": False}
    sources = {volume["target"]: volume["source"] for volume in SERVICES["train"]["volumes"]}
    assert sources == {
        "/data": "${DATA_DIR:-./data}",
        "/weights": "${WEIGHTS_DIR:-./weights}",
        "/output": "${OUTPUT_DIR:-./output}",
    }
    if (ROOT / ".git").exists():  # the image has none of the three
        assert all((ROOT / name).is_dir() for name in ("data", "weights", "output"))


def test_one_service_builds_each_image_and_the_others_never_fetch_it() -> None:
    built = {name: settings["build"]["target"] for name, settings in SERVICES.items() if "build" in settings}
    assert built == {"train": "runtime", "test": "test"}
    assert all(settings["pull_policy"] == "never" for name, settings in SERVICES.items() if name not in built)
    # `docker compose build` makes the image of the jobs alone.
    assert [name for name, settings in SERVICES.items() if settings.get("profiles")] == ["test"]


def test_gpus_are_asked_for_only_in_their_own_file() -> None:
    assert "devices" not in (ROOT / "docker-compose.yml").read_text()
    for settings in compose("docker-compose.gpu.yml")["docker-compose.gpu.yml"].values():
        (device,) = settings["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}


@pytest.mark.parametrize("service", ["train", "predict"])
def test_many_processes_find_each_other_without_a_network(service: str) -> None:
    """.ci/run runs both services; without the address torchrun waits for the container's name, which nothing
    resolves."""
    one, many = SERVICES[service]["entrypoint"], SERVICES[f"{service}-all-gpus"]
    launcher = ["torchrun", "--standalone", "--local-addr=127.0.0.1", "--nproc-per-node=${PROCESSES:-gpu}"]
    assert many["entrypoint"] == [*launcher, *one[1:]]  # the same program with the same arguments
    assert many["environment"] == {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    assert many["volumes"] == SERVICES[service]["volumes"]


def test_overrides_name_only_services_that_exist() -> None:
    for services in compose("docker-compose.gpu.yml", ".ci/compose.yml").values():
        assert services.keys() <= SERVICES.keys()


def test_the_image_gets_the_source_and_not_what_was_put_in_or_came_out() -> None:
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "data", "runs", "demo", "output", "weights", "**/*.mp4", "**/*.pt"} <= set(
        left_out
    )
    assert not {
        "src",
        "tests",
        "configs",
        "setup.py",
        "train.py",
        "predict.py",
        "README.md",
        "LICENSE",
    } & set(left_out)
