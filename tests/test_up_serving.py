"""`runstone up`: it starts, says where, answers from the repository, and ends."""

import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import DEADLINE_SECONDS, QUIET, wait_until
from runstone import Run
from runstone_indexer.indexer import Indexer
from runstone_ui.serving import bound
from runstone_ui.settings import Settings
from runstone_writer.errors import StoreError, UsageError
from runstone_writer.layout import open_repo
from servers import Up, served

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def repo(tmp_path):
    with Run(repo=tmp_path / "repo", **QUIET) as run:
        run["hparams"] = {"lr": 0.1}
        run.track(1.0, name="loss")
    return tmp_path / "repo"


def get(address, **kwargs):
    return httpx.get(address, timeout=DEADLINE_SECONDS, trust_env=False, **kwargs)


def test_it_says_where_it_is_and_answers_there(repo, tmp_path):
    with Up(repo, tmp_path / "log", "--port", "0") as up:
        said = up.said()
        assert said["pid"] == up.process.pid
        assert said["address"].startswith("http://127.0.0.1:")
        project = get(said["address"] + "api/project").json()
        assert (project["name"], project["path"], project["read_only"]) == ("repo", str(repo), False)
        found = get(
            said["address"] + "api/runs", params={"q": "run.hparams.lr == 0.1", "column": "run.hparams.lr"}
        )
        assert found.json()["columns"] == [[0.1]]
        assert up.end() == 0
    assert (tmp_path / "log").read_text() == ""


def test_for_people_it_prints_the_address_alone_on_stdout(repo):
    command = [sys.executable, "-m", "runstone", "up", "--port", "0", "--repo", str(repo)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        assert get(address).status_code == 200
        process.send_signal(signal.SIGINT)
        rest, notes = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, rest) == (0, "")
    assert "Ctrl-C ends it" in notes
    assert notes.endswith("Stopped.\n")


def test_ctrl_c_ends_it_while_streams_are_open(repo, tmp_path):
    with Up(repo, tmp_path / "log", "--port", "0") as up:
        address = up.said()["address"]
        with httpx.stream("GET", address + "api/live", timeout=None, trust_env=False) as stream:
            pieces = stream.iter_text()
            assert "hello" in next(pieces)
            assert up.end() == 0
            assert "".join(pieces).count("event: hello") == 0
    assert (tmp_path / "log").read_text() == ""


def test_a_port_that_is_taken_is_said(repo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "runstone", "up", "--port", str(port), "--repo", str(repo)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"runstone: cannot listen on 127.0.0.1, port {port}: Address already in use"
    )
    assert "--port 0" in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_said(repo, host):
    with pytest.raises((StoreError, UsageError), match="cannot listen on"):
        bound(Settings(open_repo(repo), host=host, port=0))


def test_there_has_to_be_a_repository(tmp_path):
    command = [sys.executable, "-m", "runstone", "up", "--port", "0", "--repo", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "runstone init" in done.stderr


def test_it_listens_on_ipv6(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with served(tmp_path, host="::1") as server:
        assert server.settings.address.startswith("http://[::1]:")
        assert server.get("/api/openapi.json").status_code == 200


def test_the_token_is_in_the_address_and_in_nothing_that_is_logged(repo, tmp_path):
    with Up(repo, tmp_path / "log", "--port", "0", "--host", "0.0.0.0", RUNSTONE_TOKEN=TOKEN) as up:
        said = up.said()
        address, _, token = said["address"].partition("?token=")
        assert token == TOKEN
        here = f"http://127.0.0.1:{httpx.URL(address).port}/"
        with httpx.Client(timeout=DEADLINE_SECONDS, trust_env=False, follow_redirects=True) as client:
            assert client.get(here + "api/project").status_code == 401
            assert client.get(here + f"?token={TOKEN}x").status_code == 401
            page = client.get(here + f"?token={TOKEN}")
            assert (page.status_code, str(page.url)) == (200, here)
            assert client.get(here + "api/project").status_code == 200
            for path in (
                "api/runs?q=(",
                f"api/runs?q={TOKEN}",
                "api/nothing",
                f"api/blobs/{TOKEN}",
                f"?token={TOKEN}&x=1",
            ):
                assert TOKEN not in client.get(here + path).headers.get("location", "")
        assert up.end() == 0
    assert TOKEN not in (tmp_path / "log").read_text()
    assert not any(TOKEN in path.read_text(errors="replace") for path in repo.rglob("*") if path.is_file())


def test_a_token_is_made_up_where_others_can_reach_it(repo, tmp_path):
    with Up(repo, tmp_path / "log", "--port", "0", "--host", "0.0.0.0") as up:
        assert len(up.said()["address"].partition("?token=")[2]) == 43


def test_it_speaks_https(repo, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    make += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    try:
        subprocess.run(make, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("this machine has no openssl")
    options = ["--ssl-keyfile", str(key), "--ssl-certfile", str(certificate), "--token", TOKEN]
    with Up(repo, tmp_path / "log", "--port", "0", *options) as up:
        address = up.said()["address"]
        assert address.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(certificate))
        reply = get(address, verify=context)
        assert "; Secure" in reply.headers["set-cookie"]
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert (
            get(address.partition("?")[0] + "api/project", verify=context, headers=bearer).status_code == 200
        )
        assert up.end() == 0
    command = [sys.executable, "-m", "runstone", "up", "--port", "0", "--repo", str(repo)]
    done = subprocess.run(
        [*command, "--ssl-keyfile", str(certificate), "--ssl-certfile", str(certificate)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()[0][:55]) == (
        2,
        "runstone: the key or the certificate cannot be used: [S",
    )


def test_a_mistake_of_ours_is_told_by_a_number_that_the_log_has(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("runstone_ui.project.encodable", lambda text: 1 / 0)
    with served(tmp_path) as server:
        reply = server.get("/api/project")
    assert (reply.status_code, reply.json()["error"]) == (500, "InternalError")
    number = reply.json()["message"].rpartition(" ")[2]
    assert f"error {number}" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    for secret in ("Traceback", "ZeroDivision", str(tmp_path), str(Path(__file__).parent), ".py"):
        assert secret not in reply.text


LISTING = """
import sys
listed = []
sys.addaudithook(lambda event, args: listed.append(str(args[0])) if event in ("os.scandir", "os.listdir") else None)
from runstone.cli import main
main(["up", "--port", "0", "--json", "--repo", sys.argv[1]], standalone_mode=False)
print([path for path in listed if path.startswith(sys.argv[1]) and not path.endswith("live")])
"""


def test_the_server_lists_no_folder_of_runs_to_start_nor_to_answer_for_the_page(repo):
    Indexer(repo).run_once()
    with subprocess.Popen(
        [sys.executable, "-c", LISTING, str(repo)], stdout=subprocess.PIPE, text=True
    ) as process:
        address = orjson.loads(process.stdout.readline())["address"]
        assert [get(address + path).status_code for path in ("", "api/project", "api/runs")] == [200] * 3
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=DEADLINE_SECONDS)[0] == "[]\n"


def test_errors_have_kinds_that_the_page_names(repo):
    with served(repo) as server:
        wrong = server.get("/api/runs", params={"q": "run.hparams.lr =="})
        assert wrong.status_code == 400
        found = wrong.json()
        assert (found["error"], found["line"], found["text"]) == ("QueryError", 1, "run.hparams.lr ==")
        assert found["column"] > 1
        assert orjson.loads(server.get("/api/runs?q=run.hash.x").content) is not None
        wait_until(lambda: server.get("/api/runs").status_code == 200)
