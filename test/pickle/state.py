"""A Flower's state as Flower pickles it, and whether Python loads what became of it. Run by Flower's own Python.

`make COUNT`: a line of base64 for each protocol that Flower may use, of a state with that many tasks.
`load`: for each line of base64 `ok`, `class` where another class was named than Flower's state has, or the error.
"""
import base64
import io
import pickle
import resource
import sys

import flower.options  # EventsState needs its options.
from celery import Celery
from celery.events.event import Event
from flower.events import EventsState

KINDS = ['task-sent', 'task-received', 'task-started', 'task-succeeded']


class Names(pickle.Unpickler):
    """Takes the classes of a state and no other: a name that was changed must not run whatever it leads to."""

    seen = set()
    learning = True

    def find_class(self, module, name):
        if self.learning:
            self.seen.add((module, name))
        elif (module, name) not in self.seen:
            raise LookupError('another class')
        return super().find_class(module, name)


def make(count):
    state = EventsState()
    for n in range(count):
        for clock, kind in enumerate(KINDS):
            state.event(Event(
                kind, uuid='task-%d' % n, name='proj.add', args='(1, 2)', kwargs='{}', result='é%d' % n, runtime=0.5,
                hostname='worker@host', pid=7, clock=4 * n + clock, utcoffset=0, timestamp=1.7e9 + n,
                local_received=1.7e9 + n))
    state.event(Event('worker-heartbeat', hostname='worker@host', pid=7, clock=999, utcoffset=0, freq=2.0, active=0,
                      processed=count, timestamp=1.7e9, local_received=1.7e9))
    return state


def said(data):
    try:
        Names(io.BytesIO(data)).load()
        return 'ok'
    except LookupError as error:
        return 'class' if error.args == ('another class',) else type(error).__name__
    except BaseException as error:
        return type(error).__name__ + ': ' + str(error).replace('\n', ' ')[:80]


if __name__ == '__main__':
    if sys.argv[1] == 'make':
        for protocol in range(2, 6):
            print(base64.b64encode(pickle.dumps(make(int(sys.argv[2])), protocol)).decode())
    else:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        for n, line in enumerate(sys.stdin):
            data = base64.b64decode(line)
            if n < int(sys.argv[2]):
                Names.learning = True
                assert said(data) == 'ok'
                Names.learning = False
            print(said(data))
