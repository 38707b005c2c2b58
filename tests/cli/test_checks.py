"""The commands of `check`. tests/checks tests the content of what `check data` reports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.chat_server import Server, paints, running_server, sends
from tests.checks.pictures import clean, encoded, picture, write_folder
from tests.cli.commands import call, call_here, one_error

from prettyuseful.cli.checks import check
from prettyuseful.names import CHECKS


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A folder of training and test images, of which one is in both."""
    write_folder(tmp_path / "photos" / "train", {**clean(100), "a/x.jpg": clean(0)["a/000.jpg"]})
    write_folder(tmp_path / "photos" / "test", clean(0))
    return tmp_path / "photos"


def test_check_data_prints_sets_findings_examples_and_advice(leaking: Path) -> None:
    result = call_here("check", "data", leaking)
    assert result.returncode == 0
    assert "(train)" in result.stdout
    assert "error: 1 of 25 training images" in result.stdout
    assert re.search(r"a/x.jpg = .*a/000.jpg", result.stdout)
    assert "Remove these images from the training images" in result.stdout


def test_check_data_says_so_if_nothing_is_found(tmp_path: Path) -> None:
    result = call_here("check", "data", write_folder(tmp_path / "photos", clean(0)))
    assert result.stdout.splitlines()[-1] == "nothing found"


def test_check_data_prints_one_json_document(leaking: Path) -> None:
    document = json.loads(call_here("check", "data", leaking, "--json").stdout)
    assert document["data"]["leaked"] == 1
    assert [images["role"] for images in document["sets"]] == ["train", "test"]


def test_a_gate_ends_with_exit_code_1(leaking: Path) -> None:
    failed = call_here("check", "data", leaking, "--fail-if", "data.leaked > 0 or data.repeated > 9")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "failed: data.leaked is 1, data.repeated is 0"
    assert call_here("check", "data", leaking, "--fail-if", "data.repeated > 0").returncode == 0


def test_roles_are_given_by_options(tmp_path: Path) -> None:
    for name, first in (("real", 0), ("new", 100)):
        write_folder(tmp_path / name, clean(first))
    write_folder(tmp_path / "made", {**clean(200), "a/x.png": encoded(picture(3)), "b/y.png": encoded(picture(104))})
    options = ("--real", tmp_path / "real", "--test", tmp_path / "new", "--synthetic", tmp_path / "made", "--json")
    data = json.loads(call_here("check", "data", *options).stdout)["data"]
    assert (data["leaked"], data["copied"]) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no images given"),
        (("{tmp}/none",), "none"),
        (("{tmp}", "--fail-if", "data.leeked > 0"), "did you mean 'leaked'?"),
        (("{tmp}", "--fail-if", "synth_to_real.mean > 0"), "valid fields: schema_version, sets, data, findings"),
        (("--jsno",), "did you mean '--json'?"),
    ],
)
def test_a_user_error_in_check_data_is_reported_on_one_line(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_folder(tmp_path, clean(0, 2))
    assert message in one_error(
        call_here("check", "data", *(text.replace("{tmp}", str(tmp_path)) for text in arguments))
    )


def test_check_data_loads_no_torch(leaking: Path) -> None:
    script = (
        "import sys; from prettyuseful import check_data; check_data(sys.argv[1]); "
        "assert not {'torch', 'ray', 'diffusers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(leaking)], check=True)


def test_there_is_a_command_for_each_interface_check() -> None:
    names = {command.callback.__name__ for command in check.registered_commands if command.callback}
    assert names == {"data", *CHECKS}


def test_check_reports_what_is_wrong_with_a_user_defined_generator(planted: Callable[[str], str]) -> None:
    good = call("check", "generator", planted("Noise"))
    assert good.returncode == 0, good.stderr
    assert "all 9 checks passed" in good.stdout
    bad = call("check", "generator", planted("Forgetful"), "--json")
    assert bad.returncode == 2
    problems = {result["what"]: result["problem"] for result in json.loads(bad.stdout)}
    assert problems["images have the right shape and type"] is None
    assert str(problems["the same request gives the same images"]).endswith("take all randomness from the seeds")


def test_a_generator_can_be_checked_with_real_images(planted: Callable[[str], str]) -> None:
    checked = call_here("check", "generator", planted("Noise"), "--condition", "--json")
    assert checked.returncode == 2
    problems = {result["what"]: result["problem"] for result in json.loads(checked.stdout)}
    assert "use request.images[i] for image i" in str(problems["images depend on their real images"])


def test_a_user_error_in_check_is_reported_on_one_line(planted: Callable[[str], str]) -> None:
    assert "did you mean 'generator'?" in one_error(call_here("check", "generatr", planted("Noise")))
    assert "did you mean 'Noise'?" in one_error(call_here("check", "generator", planted("Nois")))
    assert "module:Class or file.py:Class" in one_error(call_here("check", "probe", "blur"))


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        server.default_reply = paints
        yield server


def test_an_endpoint_is_checked_as_a_study_names_it(server: Server, tmp_path: Path) -> None:
    written = json.dumps({"endpoint": server.url, "model": "painter", "cost_per_image": 0.5})
    file = tmp_path / "painter.yaml"
    file.write_text(f"generator: {written}")
    for named in (written, f"{{generator: {written}}}", file):
        assert "allow it with --at-most 0.5" in one_error(call_here("check", "generator", named))
    checked = call_here("check", "generator", file, "--at-most", "0.5", "--json")
    assert checked.returncode == 0
    assert checked.stderr == f"asking painter at {server.url} for 1 image, for 0.50\n"
    assert json.loads(checked.stdout)[0]["note"].startswith("PNG, 16x12")
    assert "--condition" in one_error(call_here("check", "generator", written, "--condition"))
    server.default_reply = sends(200, "<html>Sign in</html>")
    result = call_here("check", "generator", file, "--at-most", "0.5")
    assert "answered with a web page" in one_error(result)


def test_paths_in_a_file_are_those_beside_it(planted: Callable[[str], str], tmp_path: Path) -> None:
    shutil.copy(planted("Noise").split(":")[0], tmp_path / "own.py")
    (tmp_path / "own.json").write_text('{"generator": {"model": "own.py:Noise"}}')
    checked = call_here("check", "generator", tmp_path / "own.json", "--json")
    assert checked.returncode == 0, checked.stderr
    assert len(json.loads(checked.stdout)) == 9


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("{endpoint: 'http://x/v1', modle: painter}", "did you mean 'model'?"),
        ("{endpoint: 'http://x/v1'", "is not valid YAML"),
        ("{tmp}/none.yaml", "cannot read"),
        ("{tmp}/empty.yaml", "the key generator is missing"),
        ("pocket-bse", "did you mean 'pocket-base'?"),
        ("{tmp}", "check them with prettyuseful check data"),
        ("{model: pocket-base, lora: none.safetensors}", "none.safetensors"),
    ],
)
def test_a_generator_that_is_none_is_one_line(tmp_path: Path, named: str, message: str) -> None:
    (tmp_path / "empty.yaml").write_text("endpoint: http://x/v1")
    write_folder(tmp_path, clean(0, 2))
    assert message in one_error(call_here("check", "generator", named.replace("{tmp}", str(tmp_path))))
