"""Runs a command that ends with whoever started it: python leash.py <command> [arguments…]

The command gets a process group of its own. When our standard input closes, which the death of our parent does too,
the whole group is asked to end, and made to a while later.
"""

import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 15


def main(command: list[str]) -> int:
    """Answers the exit code of the command, once it has ended."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=end_with_input, args=(child,), daemon=True).start()
    return child.wait()


def end_with_input(child: "subprocess.Popen[bytes]") -> None:
    """Waits for the end of our standard input and then ends the command's process group."""
    sys.stdin.buffer.read()
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(main(sys.argv[1:]))
