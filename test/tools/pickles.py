"""Real pickles for tests. `make SEED COUNT`: that many, as lines of protocol, writer and base64, of random values.
`dis`: for each line of base64 whether pickletools.dis, which checks the stack and the memo, takes it: `ok` or why not.
"""
import array
import base64
import collections
import datetime
import decimal
import fractions
import io
import pathlib
import pickle
import pickletools
import random
import sys
import uuid


class Plain:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Slotted:
    __slots__ = ("a", "b")


class Listed(list):
    pass


class Mapped(dict):
    pass


class Newed:
    def __new__(cls, *args, **named):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (1, 2), {"named": "yes"}


Pair = collections.namedtuple("Pair", "left right")


def scalar(r):
    return r.choice([
        lambda: None,
        lambda: r.random() < 0.5,
        lambda: r.randrange(-300, 70000),
        lambda: r.randrange(-2**31, 2**31),
        lambda: r.randrange(-2**70, 2**70),
        lambda: r.randrange(2**3000),
        lambda: r.random() * 10 ** r.randrange(-200, 200),
        lambda: "".join(r.choice("abcxyz_ é€😀") for _ in range(r.randrange(40))),
        lambda: "".join(chr(r.randrange(0xd800, 0xe000)) for _ in range(r.randrange(5))),
        lambda: "".join(chr(r.randrange(0x110000)) for _ in range(r.randrange(20))),
        lambda: r.randbytes(r.randrange(300)),
        lambda: "key%d" % r.randrange(20),
    ])()


def key(r):
    return r.choice([
        lambda: scalar(r),
        lambda: (scalar(r), scalar(r)),
        lambda: frozenset(scalar(r) for _ in range(3)),
    ])()


def value(r, depth):
    if depth == 0 or r.random() < 0.25:
        return scalar(r)
    size = r.choice([0, 1, 2, 3, 4, 7])
    inner = lambda: value(r, depth - 1)
    when = datetime.datetime.fromtimestamp(r.randrange(2**31), datetime.timezone.utc)
    return r.choice([
        lambda: [inner() for _ in range(size)],
        lambda: tuple(inner() for _ in range(size)),
        lambda: {key(r): inner() for _ in range(size)},
        lambda: {key(r) for _ in range(size)},
        lambda: frozenset(key(r) for _ in range(size)),
        lambda: collections.OrderedDict((key(r), inner()) for _ in range(size)),
        lambda: collections.defaultdict(list, {key(r): inner() for _ in range(size)}),
        lambda: collections.deque((inner() for _ in range(size)), 9),
        lambda: collections.Counter("".join(r.choice("abc") for _ in range(9))),
        lambda: [when, when.date(), when.time(), datetime.timedelta(r.randrange(9))],
        lambda: bytearray(r.randbytes(r.randrange(100))),
        lambda: Plain(a=inner(), b=inner()),
        lambda: slotted(inner()),
        lambda: Listed([inner(), inner()]),
        lambda: Mapped({key(r): inner()}),
        lambda: Newed(),
        lambda: Pair(inner(), inner()),
        lambda: [array.array("d", [1.5, 2.5]), uuid.UUID(int=r.randrange(2**128)), decimal.Decimal("1.5")],
        lambda: [fractions.Fraction(1, 3), pathlib.PurePosixPath("a/b"), complex(1, 2), range(5), slice(1, 2)],
        lambda: [int, len, Plain, collections.OrderedDict, KeyError("gone"), ..., NotImplemented],
        lambda: shared(inner()),
        recursive,
    ])()


def slotted(inner):
    it = Slotted()
    it.a = inner
    it.b = it
    return it


def shared(inner):
    return [inner, inner, {"again": inner}, "text", "text"]


def recursive():
    items = []
    items.append((items, items, {"self": items}))
    items.append((1, 2, 3, 4, items))
    it = Plain(items=items)
    it.me = it
    one = ([],)
    one[0].append(one)
    many = ([], 1, 2, 3)
    many[0].append(many)
    return [items, it, one, many]


def large(r):
    return r.choice([
        lambda: "é" * r.randrange(32000, 40000),
        lambda: r.randbytes(r.randrange(65000, 70000)),
        lambda: [r.randbytes(64 * 1024 - r.randrange(20)), "x" * (64 * 1024 + r.randrange(9)), bytearray(70000)],
        lambda: list(range(30000)),
        lambda: {"k%d" % i: i for i in range(12000)},
        lambda: ["a" * 30000, "b" * 30000, "c" * 30000, r.randbytes(5), "d" * 66000, "e"],
    ])()


def variants(item, protocol):
    yield "c", pickle.dumps(item, protocol)
    buffer = io.BytesIO()
    pickle._Pickler(buffer, protocol).dump(item)
    yield "python", buffer.getvalue()
    if len(buffer.getvalue()) < 5000:
        yield "optimized", pickletools.optimize(buffer.getvalue())


def make(seed, count):
    r = random.Random(seed)
    for n in range(count):
        item = large(r) if n % 12 == 11 else value(r, r.randrange(5))
        for protocol in range(2, 6):
            it = [item, pickle.PickleBuffer(b"buffer"), pickle.PickleBuffer(bytearray(b"b"))] if protocol == 5 else item
            for writer, data in variants(it, protocol):
                print(protocol, writer, base64.b64encode(data).decode())


def dis():
    for line in sys.stdin:
        try:
            pickletools.dis(base64.b64decode(line), io.StringIO())
            print("ok")
        except Exception as error:
            print("%s: %s" % (type(error).__name__, str(error).replace("\n", " ")))


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    if sys.argv[1] == "make":
        make(int(sys.argv[2]), int(sys.argv[3]))
    else:
        dis()
