# SPDX-License-Identifier: Apache-2.0
"""What much output costs: its time, the broker's memory, and what others feel who use it meanwhile.

One round has new kernels on every side, each with the memory that a flood takes. What is measured beside
a neighbour is measured apart from what is timed alone. Every answer is checked: see cells.py.
"""
import pathlib
import time

from cells import FIGURE, FLOODS, LIMIT_BYTES, MANY, MIB, WrongOutput
from drains import RawDrain, Streamed, Waited, WebSocketDrain
from figures import Rounds, verdict
from neighbour import Neighbour
from sandbox import HandMade
from sides import JupyterServer

MEMORY_BYTES = 2 << 30
SLACK_MIB = 16
FIGURES = 10  # in a row
# IPython keeps what cells print as long as it lives; a second flood would meet less memory than the first.
FORGET = "get_ipython().history_manager.outputs.clear()"

WAITED, STREAMED, RAW, SERVER = "/run, waited for", "/v1, streamed", "raw pyzmq that drains", "jupyter_server, v1"
QUIET = "quiet machine"
OURS = (WAITED, STREAMED)


class Memory:
    """Resident MiB of the broker around one cell."""

    def __init__(self, process):
        self.folder = pathlib.Path(f"/proc/{process.pid}")
        self.before = self._field("VmRSS")
        (self.folder / "clear_refs").write_text("5")  # the peak begins anew: proc(5)

    def _field(self, name):
        return int((self.folder / "status").read_text().split(name + ":")[1].split()[0]) / 1024

    def stop(self):
        """MiB above the beginning: at the peak, and what is left, after a second at most."""
        peak, end = self._field("VmHWM"), time.monotonic() + 1
        while (left := self._field("VmRSS") - self.before) > SLACK_MIB and time.monotonic() < end:
            time.sleep(0.01)
        return peak - self.before, left


class Stage:
    """The sides of one round."""

    def __init__(self, part, turn):
        self.part, self.turn = part, turn
        self.sessions = {side: f"output-{turn}-{number}" for number, side in enumerate((*OURS, "other"))}
        self.sandbox = HandMade(part.folder, part.template.read_text(), part.cpus, MEMORY_BYTES).run()
        port = part.broker.port
        self.clients = {WAITED: Waited(port, self.sessions[WAITED]), STREAMED: Streamed(port, self.sessions[STREAMED]),
                        RAW: RawDrain(self.sandbox)}
        self.kernel = part.server.new_kernel()
        part.broker.client().ok("1", self.sessions["other"])
        for side in (*OURS, RAW, SERVER):
            self.run(side, "1+1")

    def turned(self, *sides):
        """Another one begins in each round."""
        return [*sides[self.turn % len(sides):], *sides[:self.turn % len(sides)]]

    def run(self, side, code):
        if side == SERVER:
            client = WebSocketDrain(self.part.server, self.kernel)
            came = client.cell(code)
            client.close()
            return came
        return self.clients[side].cell(code)

    def forget(self):
        for side in (*OURS, RAW, SERVER):
            self.run(side, FORGET)

    def is_right(self, side, cell, came):
        try:
            {WAITED: cell.answer, STREAMED: cell.events}.get(side, cell.messages)(came)
        except WrongOutput as error:
            # A client that drains may be too slow for the kernel's publisher, which then drops messages.
            told = self.part.wrong if side in OURS else self.part.lost
            told.append(f"{cell.name}, {side}, round {self.turn}: {error}")
            return False
        return True

    def close(self):
        for client in self.clients.values():
            client.close()
        self.sandbox.close()
        self.part.server.end_kernel(self.kernel)
        for session in self.sessions.values():
            self.part.broker.client().request("DELETE", f"/v1/sessions/{session}")


class Outputs:
    """The part of the benchmark, and what it has seen."""

    def __init__(self, broker, template, folder, options):
        self.broker, self.template, self.cpus, self.rounds = broker, template, options.cpus, options.rounds
        self.folder = folder / "outputs"
        self.folder.mkdir()
        # Its limits of output would cut what is compared here.
        self.server = JupyterServer(self.folder, template, options.cpus, MEMORY_BYTES,
                                    ["--ZMQChannelsWebsocketConnection.limit_rate=False"])
        self.alone = {cell: Rounds() for cell in (*FLOODS, *MANY)}
        self.beside = {cell: Rounds(tail=0.99) for cell in FLOODS}
        self.gaps = Rounds(tail=1)
        self.messages, self.memory, self.wrong, self.lost = {}, {}, [], []

    def run(self):
        try:
            for turn in range(self.rounds):
                stage = Stage(self, turn)
                try:
                    self.time_alone(stage)
                    self.floods_beside(stage)
                    self.figures_beside(stage)
                finally:
                    stage.close()
        finally:
            self.server.close()

    def time_alone(self, stage):
        for cell, seen in self.alone.items():
            stage.forget()
            times = {}
            # jupyter_server loses some of many messages, in some runs the last one, which ends the cell.
            sides = (*OURS, RAW, SERVER) if cell in FLOODS else (*OURS, RAW)
            for side in stage.turned(*sides):
                around = Memory(self.broker.process)
                came = stage.run(side, cell.code)
                memory = around.stop()
                if not stage.is_right(side, cell, came):
                    continue
                times[side] = came.ms
                if side in OURS:
                    self.memory.setdefault((cell, side), []).append(memory)
                elif side == RAW:
                    self.messages.setdefault(cell, []).append((came.messages, came.largest))
            if len(times) == len(sides):  # a ratio is made of what was right on all sides
                for side, ms in times.items():
                    seen.add(side, [ms])

    def floods_beside(self, stage):
        """Somebody calls /run all the time; the same processor time is taken on the side of raw pyzmq."""
        for cell, seen in self.beside.items():
            stage.forget()
            right, neighbour = True, Neighbour(self.broker.port, "run", stage.sessions["other"])
            for side in stage.turned(QUIET, *OURS, RAW):
                with neighbour.window(side):
                    came = time.sleep(1) if side == QUIET else stage.run(side, cell.code)
                right = right and (side == QUIET or stage.is_right(side, cell, came))
            times = neighbour.times()
            for side in times if right else ():
                seen.add(side, times[side])

    def figures_beside(self, stage):
        """Somebody asks for /healthz at each millisecond."""
        for side in (*OURS, RAW):
            stage.run(side, FIGURE.PREPARE)
        neighbour = Neighbour(self.broker.port, "healthz")
        for side in stage.turned(QUIET, *OURS, RAW):
            for _ in range(FIGURES):
                with neighbour.window(side):
                    time.sleep(0.1) if side == QUIET else stage.run(side, FIGURE.code)
        for side, times in neighbour.times().items():
            self.gaps.add(side, times)
        for side in (*OURS, RAW):
            stage.is_right(side, FIGURE, stage.run(side, FIGURE.code))

    def report(self):
        for cell, seen in self.alone.items():
            self.report_alone(cell, seen, 1.2 if cell in FLOODS else 1.1)
        for cell, seen in self.beside.items():
            if not seen.sides:
                print(f"/run of another session meanwhile: {cell.name}: in no round were all sides right")
                continue
            print(seen.table(f"/run of another session meanwhile: {cell.name}"))
            for side in OURS:
                print(f"  p99 while {side} : while {RAW}: {seen.ratio(side, RAW, of_tails=True):.2f}; "
                      f": {QUIET}: {seen.ratio(side, QUIET, of_tails=True):.2f}")
        print(self.gaps.table(f"/healthz at each millisecond meanwhile: {FIGURES} times {FIGURE.name}"))
        for side in OURS:
            print(f"  longest while {side} : while {RAW}: {self.gaps.ratio(side, RAW, of_tails=True):.2f}")

    def report_alone(self, cell, seen, bound):
        title = f"{cell.name}, {self.rounds} rounds of one cell, cpus = {self.cpus}"
        if not seen.sides:
            print(f"{title}: in no round were all sides right")
            return
        print(seen.table(title))
        numbers, largest = zip(*self.messages[cell])
        print(f"  {RAW}: {min(numbers)} to {max(numbers)} messages, the largest "
              f"{min(largest) / MIB:.1f} to {max(largest) / MIB:.1f} MiB")
        for side in OURS:
            print(verdict(f"{side} : {RAW}", seen.ratio(side, RAW), ("<=", bound)))
            if cell in FLOODS:
                print(verdict(f"{side} : {SERVER}", seen.ratio(side, SERVER), ("<", 1.0)))
                # Of the broker's own kernel the largest message is not known from outside.
                peaks, left = zip(*self.memory[cell, side])
                most = (max(largest) + LIMIT_BYTES) / MIB + SLACK_MIB
                print(verdict(f"MiB at the peak, {side}", max(peaks), ("<=", most)))
                print(verdict(f"MiB that are left, {side}", max(left), ("<=", SLACK_MIB)))


def outputs(broker, template, folder, options):
    """Prints what was measured; returns what was wrong."""
    part = Outputs(broker, template, folder, options)
    part.run()
    part.report()
    for one in part.lost:
        print(f"  not compared: {one}")
    for one in part.wrong:
        print(f"  WRONG: {one}")
    return part.wrong
