"""A worker process for the tests of the supervisor: it speaks the channel and serves nobody.

What it does is the ``target`` of its settings; it imports nothing of Holdfast, to start fast.
"""

import json
import os
import signal
import sys
import time


def main():
    control, reports = map(int, sys.argv[-2:])
    # As the real one: Ctrl-C is for the supervisor to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    lines = os.fdopen(control, "r")
    settings = json.loads(lines.readline())
    target, _, argument = settings["target"].partition(":")

    def report(kind, text="", code=3):
        os.write(
            reports, json.dumps({"kind": kind, "text": text, "details": "", "code": code}).encode() + b"\n"
        )

    if target == "fails":
        report("failed", "no such module")
        return 3
    if target == "dies":
        return 7
    if target == "slow":
        time.sleep(60)
    if target == "fails-later":
        if os.path.exists(argument):
            report("failed", "it broke")
            return 3
        open(argument, "w").close()
    report("ready", f"fake {target}")
    if target == "worn" and not os.path.exists(argument):
        open(argument, "w").close()
        report("worn")
    for line in lines:
        print("told", line.strip(), "bind", *settings["bind"], file=sys.stderr, flush=True)
        if line == "close\n" or (line in ("drain\n", "end\n") and target != "stubborn"):
            return 0
    print("orphaned", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    # Not sys.exit(): the pipes' ends must not outlive the decision.
    os._exit(main())
