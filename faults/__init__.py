"""The eight demands of operation, each shown by a run that anybody can repeat: ``python -m faults``.

A run starts a server of its own on loopback, lets clients of our own (``client``, ``load``) meet it while
something goes wrong, and counts what each of them got.  Verdicts are drawn from counts, not from
latencies: the machine may be busy.

    process   the server under test: started, signalled, measured, gone at the end
    apps      what it serves
    client    one connection of a client, and what became of each request
    load      many clients, and their outcomes counted
    runs      the runs, one file for each kind of trouble
    report    results for people, for docs/design/faults.md and for programs
"""
