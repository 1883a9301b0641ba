"""The HTTP routes of the web server, one module per topic."""
