"""The negative control of W6: `runstone up` in which a wrong parameter is a mistake of the server's, told in full."""

import traceback
from typing import Any

from starlette.responses import PlainTextResponse, Response

import runstone_ui.app
from runstone.cli.main import main
from runstone_writer.errors import UsageError

real = runstone_ui.app.refusal_reply


def told(error: Exception, layout: Any) -> Response:
    if isinstance(error, UsageError):
        return PlainTextResponse("".join(traceback.format_exception(error)) + layout.root, 500)
    return real(error, layout)


runstone_ui.app.refusal_reply = told
main(prog_name="runstone")
