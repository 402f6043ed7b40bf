"""The application of the tests with a real Flower, and what is in a shelf as Flower itself reads it."""
import os
import shelve
import sys

from celery import Celery

app = Celery('gdbm_doctor_app', broker=os.environ['BROKER'], backend=os.environ['BROKER'])
app.conf.worker_send_task_events = True
app.conf.task_send_sent_event = True
app.conf.broker_connection_retry_on_startup = True


@app.task(name='add')
def add(x, y):
    return x + y


if __name__ == '__main__':
    if sys.argv[1] == 'run':
        # Tasks that have ended, by their ids.
        results = [add.delay(n, n) for n in range(int(sys.argv[2]))]
        for result in results:
            result.get(timeout=60)
            print(result.id)
    elif sys.argv[1] == 'saved':
        # The ids of the tasks in a shelf. Its classes need Flower's options.
        import flower.options
        with shelve.open(sys.argv[2], flag='r') as shelf:
            for task in shelf['events'].tasks:
                print(task)
    elif sys.argv[1] == 'cut':
        # A whole record whose pickle ends in the middle.
        import dbm.gnu
        with dbm.gnu.open(sys.argv[2], 'w') as db:
            db['events'] = db['events'][: len(db['events']) // 2]
