"""A server for the tests: it answers each line with its argument and that line, and takes calls."""

import sys
from multiprocessing.connection import Connection
from threading import Thread

from tuner.processes.background import serve
from tuner.processes.children import stand_back

if __name__ == "__main__":
    calls, *words = stand_back()
    Thread(target=serve, args=[Connection(int(calls))], daemon=True).start()
    for line in sys.stdin:
        print(*words, line.strip() if words else f" {line.strip()}", flush=True)
