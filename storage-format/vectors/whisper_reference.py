"""Runs a list of Whisper operations with the reference package and prints its answers.

A differential test feeds it random lists; `whisper-answers.txt` and `whisper-*.wsp` beside it are
what it made of `whisper-operations.txt`:

    python whisper_reference.py . <whisper-operations.txt >whisper-answers.txt

One operation a line, one answer a line; values are the sixteen hex digits of their bits.

    open NAME                                  the file that the next lines are about
    create METHOD FACTOR STEP:POINTS,...       -> ok | refused
    update NOW TIME VALUE                      -> ok | refused
    many NOW TIME:VALUE ...                    -> ok
    fetch NOW FROM UNTIL                       -> none | refused | START END STEP VALUE|- ...
    method METHOD | factor FACTOR              -> the former | refused
    merge NOW FROM UNTIL NAME                  -> ok: the points of NAME, a file of like archives
    diff NOW UNTIL all|both NAME               -> ARCHIVE COMPARED TIME:VALUE|-:VALUE|- ... ; ...
    resize NOW NAME METHOD FACTOR STEP:POINTS,... points|aggregate
                                               -> ok: the points of NAME in other archives
    fill NOW NAME                              -> ok: the points of NAME in the gaps of this file
    bytes                                      -> the file in hex
    save                                       -> ok: the file stays, as whisper-NAME.wsp

Files are made in a folder of their own that goes away; `save` copies to the folder of the argument.
`resize` and `fill` run the package's scripts themselves, at a time of our choice.
"""

import builtins
import contextlib
import io
import os
import runpy
import shutil
import struct
import sys
import tempfile
import time

import whisper

# The reference rolls up the intervals of one call in the order of a set, which is the interpreter's
# own affair and shows in an empty archive: the first becomes its base. Here it is that of time.
whisper.set = lambda intervals: sorted(builtins.set(intervals))


def value_of(text):
    return struct.unpack("!d", bytes.fromhex(text))[0]


def text_of(value):
    return "-" if value is None else struct.pack("!d", value).hex()


def point_of(text):
    time, value = text.split(":")
    return int(time), value_of(value)


def run_script(name, now, arguments):
    path = os.path.join(os.path.dirname(sys.executable), name)
    kept = sys.argv, time.time
    sys.argv, time.time = [path] + arguments, lambda: float(now)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(path, run_name="__main__")
    except SystemExit as exit:
        if exit.code:
            raise
    finally:
        sys.argv, time.time = kept


class Files:
    def __init__(self, folder, kept):
        self.folder = folder
        self.kept = kept
        self.name = None

    def path(self, name=None):
        return os.path.join(self.folder, name or self.name)

    def open(self, name):
        self.name = name

    def create(self, method, factor, archives):
        specs = [tuple(int(part) for part in spec.split(":")) for spec in archives.split(",")]
        whisper.create(self.path(), specs, float(factor), method)

    def update(self, now, time, value):
        whisper.update(self.path(), value_of(value), int(time), int(now))

    def many(self, now, *points):
        whisper.update_many(self.path(), [point_of(point) for point in points], int(now))

    def fetch(self, now, start, until):
        answer = whisper.fetch(self.path(), int(start), int(until), int(now))
        if answer is None:
            return "none"
        (first, end, step), values = answer
        return " ".join([str(first), str(end), str(step)] + [text_of(value) for value in values])

    def method(self, method):
        return whisper.setAggregationMethod(self.path(), method)

    def factor(self, factor):
        return repr(whisper.setXFilesFactor(self.path(), float(factor)))

    def merge(self, now, start, until, name):
        whisper.merge(self.path(name), self.path(), int(start), int(until), int(now))

    def diff(self, now, until, which, name):
        paths = self.path(), self.path(name)
        archives = whisper.diff(*paths, which == "both", int(until), int(now))
        return " ; ".join(
            " ".join(
                [str(number), str(compared)]
                + ["%d:%s:%s" % (point[0], text_of(point[1]), text_of(point[2])) for point in points]
            )
            for number, points, compared in archives
        )

    def resize(self, now, name, method, factor, archives, how):
        arguments = ["--aggregate"] if how == "aggregate" else []
        arguments += ["--newfile=" + self.path(), "--xFilesFactor=" + factor]
        arguments += ["--aggregationMethod=" + method, self.path(name)]
        run_script("whisper-resize.py", now, arguments + archives.split(","))

    def fill(self, now, name):
        run_script("whisper-fill.py", now, [self.path(name), self.path()])

    def bytes(self):
        with open(self.path(), "rb") as file:
            return file.read().hex()

    def save(self):
        shutil.copy(self.path(), os.path.join(self.kept, "whisper-%s.wsp" % self.name))


def main():
    with tempfile.TemporaryDirectory() as folder:
        files = Files(folder, sys.argv[1] if len(sys.argv) > 1 else None)
        for line in sys.stdin:
            name, *arguments = line.split()
            try:
                answer = getattr(files, name)(*arguments)
            except (whisper.WhisperException, struct.error):
                answer = "refused"
            print("ok" if answer is None else answer)


main()
