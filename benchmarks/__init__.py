"""How fast Holdfast is, beside its peers: ``python -m benchmarks`` (``make bench``).

``rows`` says what is compared, ``servers`` how each server is started, ``measure`` how rounds
alternate, ``report`` what is printed. ``micro`` times one function at a time; ``models`` is the
experiment behind ``Server(concurrency=...)``.
"""
