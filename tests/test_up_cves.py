"""One test for each weakness that became known in products of this kind: it is not here.

Each id leads to what is sent, and to what has to come of it. Where a weakness was in something that there is not here,
the assertion is that there is no such thing.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import attacks
from processes import QUIET
from runstone import Repo, Run, Text
from servers import served


class Case:
    """A repository with a run, a server of it, and canaries around it."""

    def __init__(self, folder, server, run):
        self.folder, self.server, self.run = folder, server, run
        self.get, self.post, self.asked = server.get, server.post, server.asked

    @property
    def is_untouched(self):
        kept = Repo(self.folder / "repo").get_run(self.run)
        return (
            kept is not None and kept.tags == [] and (self.folder / "canary").read_bytes() == attacks.CANARY
        )


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cves")
    (folder / "canary").write_bytes(attacks.CANARY)
    (folder / "page.html").write_text(attacks.SCRIPT)
    with Run(repo=folder / "repo", **QUIET) as run:
        run["hparams"] = {"lr": 0.1, attacks.SCRIPT: attacks.SCRIPT}
        run.name = attacks.SCRIPT
        run.track(1.0, name="loss")
        run.track(Text(attacks.SCRIPT), name="texts")
        run.log_artifact(folder / "page.html", block=True)
        run._log.append(
            "artifact",
            name="outside",
            path="x",
            uri=f"file://{folder}/canary",
            size=len(attacks.CANARY),
            sha256="0" * 64,
        )
    with served(folder / "repo") as server:
        found = Case(folder, server, run.hash)
        yield found
        assert found.is_untouched


CVES = {
    # RestrictedPython
    "CVE-2023-37271": attacks.refused(attacks.FRAMES, "(x for x in [1]).gi_frame"),
    "CVE-2023-41039": attacks.harmless(*attacks.FORMATS, *attacks.FORMATTER),
    "CVE-2024-47532": attacks.refused("string.ascii_letters", "run.x.obj.__globals__"),
    "CVE-2025-22153": attacks.refused("try:\n 1\nexcept* ValueError:\n 2"),
    "CVE-2026-55830": attacks.refused("(lambda _getattr_, /: 1)(2)", "(lambda *, _getitem_: 1)(_getitem_=2)"),
    "CVE-2026-76825": attacks.harmless(*attacks.FORMATTER),
    "RestrictedPython-9.0": attacks.restricted_python_is_new_enough,
    # Aim
    "CVE-2021-43775": attacks.STATIC,
    "CVE-2024-2195": attacks.harmless(
        "run.logger.os.environ", "__import__('os').system('x')", "run.__class__.__mro__"
    ),
    "CVE-2024-8238": attacks.harmless(
        *attacks.FORMATS,
        "run.logger.FileHandler('/tmp/runstone-cve-canary')",
        "'{0.__init__.__globals__}'.format_map(run)",
    ),
    "CVE-2025-5321": attacks.harmless(
        "run.run.repo.delete_run(run.hash)", "run.repo.delete_run(run.hash)", "run.run.__class__"
    ),
    "CVE-2024-2196": attacks.other_sites_change_nothing,
    "CVE-2024-7760": attacks.other_sites_change_nothing,
    "CVE-2024-6396": attacks.nothing_is_copied_or_received,
    "CVE-2024-6829": attacks.no_archive_is_opened,
    "CVE-2025-51463": attacks.no_archive_is_opened,
    "CVE-2024-8769": attacks.an_edit_takes_hashes_alone,
    "CVE-2024-6483": attacks.an_edit_takes_hashes_alone,
    "CVE-2024-6851": attacks.globs_are_literals,
    "CVE-2024-8863": attacks.what_a_user_wrote_is_data,
    "CVE-2024-6578": attacks.what_a_user_wrote_is_data,
    "CVE-2024-8101": attacks.what_a_user_wrote_is_data,
    "CVE-2025-51464": attacks.the_page_runs_nothing_but_its_files,
    "CVE-2024-6227": attacks.nothing_is_fetched,
    "CVE-2024-8061": attacks.nothing_is_fetched,
    "CVE-2024-12777": attacks.nothing_is_fetched,
    "CVE-2024-10110": attacks.there_are_only_the_names_of_the_table,
    "CVE-2024-12778": attacks.answers_come_in_pages,
    "CVE-2025-0190": attacks.answers_come_in_pages,
    "CVE-2025-0189": attacks.a_body_has_a_limit,
    "aim-issue-3421": attacks.errors_are_named_from_a_table,
    # MLflow
    "CVE-2025-14279": attacks.a_name_that_was_rebound_is_refused,
    "CVE-2026-2611": attacks.nothing_executes,
    **dict.fromkeys(
        (
            "CVE-2023-1176",
            "CVE-2023-1177",
            "CVE-2023-2356",
            "CVE-2023-2780",
            "CVE-2023-6831",
            "CVE-2023-6909",
            "CVE-2023-30172",
            "CVE-2025-11201",
        ),
        attacks.ARTIFACTS,
    ),
    "CVE-2023-6568": attacks.nothing_is_reflected,
    "CVE-2024-27132": attacks.a_file_is_never_shown_as_a_document,
    "CVE-2026-33865": attacks.a_file_is_never_shown_as_a_document,
    "CVE-2024-37054": attacks.nothing_is_unpickled,
    "CVE-2024-37056": attacks.nothing_is_unpickled,
    "CVE-2024-0520": attacks.downloads_are_named_by_us,
    # Gradio
    "CVE-2024-1727": attacks.other_sites_change_nothing,
    "CVE-2024-47165": attacks.other_sites_change_nothing,
    "CVE-2021-43831": attacks.a_path_in_json_is_no_path,
    "CVE-2023-51449": attacks.a_path_in_json_is_no_path,
    "CVE-2024-4941": attacks.a_path_in_json_is_no_path,
    "CVE-2024-10569": attacks.bodies_are_json_as_it_stands,
    "CVE-2024-8966": attacks.bodies_are_json_as_it_stands,
    "CVE-2025-48889": attacks.nothing_is_copied_or_received,
    # Jupyter
    "CVE-2020-26232": attacks.no_redirect_leads_elsewhere,
    "CVE-2020-26275": attacks.no_redirect_leads_elsewhere,
    "CVE-2023-39968": attacks.no_redirect_leads_elsewhere,
    "CVE-2023-40170": attacks.a_file_is_never_shown_as_a_document,
    "CVE-2022-24757": attacks.tokens_are_in_no_log,
    "CVE-2022-29241": attacks.tokens_are_in_no_log,
    "jupyter-remote-access": attacks.a_name_that_was_rebound_is_refused,
    # TensorBoard, Starlette, plotly.js, Streamlit, Datasette, CPython, numpy
    "tensorboard-7115": attacks.every_field_that_names_something_is_known,
    "tensorboard-7119": attacks.every_field_that_names_something_is_known,
    "CVE-2026-48710": attacks.a_host_decides_nothing_but_whether_to_answer,
    "CVE-2023-29159": attacks.STATIC,
    "CVE-2025-62727": attacks.a_range_of_many_is_one_reply,
    "CVE-2024-47874": attacks.bodies_are_json_as_it_stands,
    "CVE-2025-54121": attacks.bodies_are_json_as_it_stands,
    "CVE-2026-54283": attacks.bodies_are_json_as_it_stands,
    "CVE-2023-46308": attacks.the_page_runs_nothing_but_its_files,
    "CVE-2022-35918": attacks.STATIC,
    "CVE-2023-27494": attacks.nothing_is_reflected,
    "CVE-2021-32670": attacks.no_parameter_of_debugging,
    "CVE-2007-4559": attacks.no_archive_is_opened,
    "CVE-2025-4517": attacks.no_archive_is_opened,
    "CVE-2019-6446": attacks.nothing_is_unpickled,
}


@pytest.mark.parametrize("name", CVES)
def test_what_became_known_elsewhere_is_not_here(name, case, request):
    check = CVES[name]
    if check is attacks.tokens_are_in_no_log:
        check(case, *map(request.getfixturevalue, ("tmp_path", "caplog", "monkeypatch")))
    else:
        check(case)


def test_the_table_is_whole():
    assert len(CVES) == 77
