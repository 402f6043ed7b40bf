import assert from 'node:assert/strict';
import { run } from './cli.js';
import { PYTHON } from './needs.js';

/** Saves a shelf as Flower does: tasks pickled as celery pickles them. With -1 tasks it is killed while it saves. */
const SAVE = `
import shelve, sys, types
module = sys.modules['tasks'] = types.ModuleType('tasks')
def restored(cls, fields):
    return cls(**fields)
class Task:
    def __init__(self, **fields):
        self.__dict__.update(fields)
    def __reduce__(self):
        return restored, (type(self), self.__dict__)
restored.__module__ = Task.__module__ = 'tasks'
module.restored, module.Task = restored, Task
count = int(sys.argv[2])
with shelve.open(sys.argv[1], flag='n') as shelf:
    if count >= 0:
        shelf['events'] = {'task-%d' % n: Task(name='add', args='()', number=n) for n in range(count)}
`;

/** Saves a number of tasks, or with -1 leaves what a kill amid a save leaves; needs Python with gdbm. */
export async function saveTasks(path: string, tasks: number): Promise<void> {
  const { code, stderr } = await run(PYTHON, ['-c', SAVE, path, String(tasks)]);
  assert.equal(code, 0, stderr);
}
