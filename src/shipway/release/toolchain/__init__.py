"""A [toolchain] in, trees of programs out: resolved and fetched once on this machine, verified before anything is unpacked."""
