"""Run a command for as long as our own parent lives: `python lifeline.py COMMAND...`, with a pipe as stdin.

Whoever starts us holds the other end of the pipe. When it is closed, even by a SIGKILL of the holder, we end the
command. So a killed `sms-streams demo` leaves no broker behind. Standard library only: it runs by its path.
"""

import signal
import subprocess
import sys
import threading


def main() -> int:
    """Start the command, end it when stdin ends, return its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the holder, which decides when we end
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def end_with_the_holder() -> None:
        sys.stdin.buffer.read()
        child.terminate()

    threading.Thread(target=end_with_the_holder, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
