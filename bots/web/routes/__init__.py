"""The HTTP routes of the web adapter, one module per topic."""
