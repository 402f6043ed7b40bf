import type { LookOptions } from '../service/lookonce.js';
import { lookOnce } from '../service/lookonce.js';
import { jsonText } from '../report/jsontext.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { print } from './terminal.js';

/** Looks once at a database, for a watcher: prints a line of JSON, see `Look`. */
export async function lookCommand(options: LookOptions): Promise<ExitCode> {
  const look = await lookOnce(options);
  await print(`${jsonText(look)}\n`);
  if (look.verdict === 'clean') return EXIT.ok;
  return look.verdict === 'damaged' || look.verdict === 'other-machine' ? EXIT.damaged : EXIT.failed;
}
