"""The child process of the embedded model: `python -m chat_service.local_model.server MODEL.gguf [PORT]`.

Prints the address it listens on, then waits: when its stdin closes, its parent is gone, and it goes too. The API key
comes by environment, since command lines can be read by everybody on the machine.
"""

from __future__ import annotations

import os
import sys

import xllamacpp

CONTEXT_TOKENS = 8192


def main() -> None:
    """Serve until stdin closes."""
    cores = os.cpu_count() or 2
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 2  # one for the conversation, one for its title
    params.kv_unified = True
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, cores - 1)
    params.model_alias = {os.environ["LOCAL_MODEL_LABEL"]}
    params.api_keys = [os.environ["LOCAL_MODEL_KEY"]]
    # The defaults are for a trusted workstation: an 8 GiB prompt cache, a page, any origin, the slots' contents.
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.cache_ram_mib = 256
    params.cors_origins = "http://127.0.0.1"
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    main()
