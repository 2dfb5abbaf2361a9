"""The negative control of W5: `runstone up` without its limits on bodies, connections, patience and what is held."""

import runstone_ui.connection
import runstone_ui.gate
from runstone.cli.main import main

runstone_ui.gate.LARGEST_BODY = 1 << 40
runstone_ui.gate.BODY_SECONDS = 3600.0
runstone_ui.connection.MOST_CONNECTIONS = 1 << 20
runstone_ui.connection.REQUEST_SECONDS = 3600.0
runstone_ui.connection.SEND_SECONDS = 3600.0
main(prog_name="runstone")
