"""The web application of Runstone: a server that answers from a repository (docs/api.md), and the page that it serves."""
