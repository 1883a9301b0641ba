"""Language models behind one small protocol: a prompt in, a stream of text out."""
