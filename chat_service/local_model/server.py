"""The child process of the embedded model: `python -m chat_service.local_model.server MODEL.gguf [PORT]`.

It prints its address and runs until its stdin closes, which happens when the parent exits. The API key is passed in the
environment, because every user of the machine can read command lines.
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
    params.n_parallel = 2  # one for the reply, one for the title
    params.kv_unified = True
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, cores - 1)
    params.model_alias = {os.environ["LOCAL_MODEL_LABEL"]}
    params.api_keys = [os.environ["LOCAL_MODEL_KEY"]]
    # llama.cpp's defaults suit a trusted workstation: an 8 GiB prompt cache, a web page, any origin, visible slots.
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
