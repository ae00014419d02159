"""Writes tests/data/pickle/messages.txt: what Python's pickle makes of some lists, at each protocol."""
import pickle
T = 1700000000
cases = {
    "one point": ([("a.b", (T, 1.5))], ["a.b 1.5 %d" % T]),
    "lists for tuples": ([["a.b", [T, 1]]], ["a.b 1 %d" % T]),
    "a tuple of tuples": ((("a", (T, 1)), ("b", (T, 2))), ["a 1 %d" % T, "b 2 %d" % T]),
    "several points a name": ([("a", (T, 1), (T + 10, 2))], ["a 1 %d" % T, "a 2 %d" % (T + 10)]),
    "a list of points a name": ([("a", [(T, 1), (T + 10, 2)])], ["a 1 %d" % T, "a 2 %d" % (T + 10)]),
    "numbers as text": ([("a", (str(T), "2.5")), ("b", (T + 0.9, " 3 "))], ["a 2.5 %d" % T, "b 3 %d" % T]),
    "bytes for text": ([(b"a", (T, b"4"))], ["a 4 %d" % T]),
    "integers of every size": ([("a", (T, v)) for v in (0, 255, 256, 65535, 65536, -1, 2**31, -2**31 - 1, 2**62, 2**63 - 1)],
        ["a %r %d" % (float(v), T) for v in (0, 255, 256, 65535, 65536, -1, 2**31, -2**31 - 1, 2**62, 2**63 - 1)]),
    "beyond 64 bits": ([("a", (T, 2**64))], ["!bad_value"]),
    "booleans": ([("a", (T, True)), ("b", (T, False))], ["a 1 %d" % T, "b 0 %d" % T]),
    "infinities and nan": ([("a", (T, float("inf"))), ("b", (T, float("-inf"))), ("c", (T, float("nan")))],
        ["a inf %d" % T, "b -inf %d" % T, "!nan"]),
    "None for a value": ([("a", (T, None))], ["!bad_value"]),
    "None for a time": ([("a", (None, 1))], ["!bad_timestamp"]),
    "now": ([("a", (-1, 1))], ["a 1 1700000777"]),
    "far time": ([("a", (2**40, 1))], ["!bad_timestamp"]),
    "shared objects": ((lambda p: [("a", p), ("b", p)])((T, 7)), ["a 7 %d" % T, "b 7 %d" % T]),
    "unicode name": ([("gr\u00f6\u00dfe.\U0001f600", (T, 1))], ["gr\u00f6\u00dfe.\U0001f600 1 %d" % T]),
    "escapes in a name": ([("a\\b'c", (T, 1))], ["a\\b'c 1 %d" % T]),
    "tags": ([("m;b=2;a=1", (T, 1))], ["m;a=1;b=2 1 %d" % T]),
    "space in a name": ([("a b", (T, 1))], ["!bad_name"]),
    "dict among the items": ([{"a": 1}, ("b", (T, 1))], ["!bad_line", "b 1 %d" % T]),
    "not pairs": ([("a", (T,)), ("b", (T, 1, 2)), ("c",), ("d", 5), 7], ["!bad_line"] * 5),
    "name that is a number": ([(5, (T, 1))], ["!bad_name"]),
    "empty list": ([], []),
    "a dict": ({"a": 1}, ["!bad_line"]),
    "a string": ("a", ["!bad_line"]),
    "long name": ([("n" * 300, (T, 1))], ["!name_too_long"]),
    "many points": ([("a%d" % i, (T, i)) for i in range(40)], ["a%d %d %d" % (i, i, T) for i in range(40)]),
}
class Evil:
    def __reduce__(self):
        return (eval, ("1 + 1",))
lines = ["# What the pickle protocol makes of a message, received at 1700000777; made by pickle.dumps of Python 3,",
         "# and at the end, by hand, as Python 2 wrote it. TITLE | message in hex | outcomes joined by ' & '.", ""]
def add(title, message, outcomes):
    lines.append("%s | %s | %s" % (title, message.hex(), " & ".join(outcomes)))
for title, (value, outcomes) in cases.items():
    for protocol in range(6):
        # Before protocol 3 Python 3 writes bytes as a call, which is not data.
        is_call = title == "bytes for text" and protocol < 3
        add("%s, protocol %d" % (title, protocol), pickle.dumps(value, protocol), ["!bad_line"] if is_call else outcomes)
for protocol in range(6):
    add("code, protocol %d" % protocol, pickle.dumps([("a", (T, Evil()))], protocol), ["!bad_line"])
add("statsd and Dropwizard: protocol 0, longs, values as text",
    b"(lp0\n(S'stats.count'\n(L1700000000L\nS'5.25'\nttp1\na(S'stats.gauge'\n(I1700000000\nF0.5\ntta.",
    ["stats.count 5.25 1700000000", "stats.gauge 0.5 1700000000"])
add("Python 2, bytes escaped",
    b"(lp0\n(S'gr\\xc3\\xb6n'\n(I1700000000\nI1\ntta.", ["gr\u00f6n 1 1700000000"])
add("Python 2, protocol 2",
    b"\x80\x02]q\x00U\x03a.bq\x01J\x00\xf1\x53\x65K\x05\x86q\x02\x86q\x03a.", ["a.b 5 1700000000"])
open("tests/data/pickle/messages.txt", "w").write("\n".join(lines) + "\n")
