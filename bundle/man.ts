/**
 * Makes dist/gdbm-doctor.1, the manual page, of the descriptions that `--help` shows: what the program accepts is told in
 * one place.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parserFor } from '../src/cli/parser.js';

const root = new URL('../', import.meta.url);
const { version, description } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
  version: string;
  description: string;
};

async function helpFor(args: readonly string[]): Promise<string> {
  const parser = await parserFor(args, () => async () => {});
  return parser.getHelp();
}

/** A text as it is, for roff: no line may look like a request, and a backslash begins none. */
function verbatim(text: string): string {
  const lines = text.replaceAll('\\', '\\e').split('\n');
  return ['.nf', ...lines.map((line) => (/^[.']/.test(line) ? `\\&${line}` : line)), '.fi'].join('\n');
}

const overview = await helpFor([]);
const commands = [...overview.matchAll(/^ {2}gdbm-doctor ([a-z-]+)/gm)].map(([, name]) => name);
const sections: string[] = [];
for (const name of new Set(commands)) {
  // yargs prints the script instead of a help.
  if (name === 'completion') continue;
  sections.push(`.SS ${name.replaceAll('-', '\\-')}\n${verbatim((await helpFor([name])).trim())}`);
}
const page = `.\\" Made of the program's own descriptions.
.TH GDBM\\-DOCTOR 1 "" "gdbm\\-doctor ${version}" "User commands"
.SH NAME
gdbm\\-doctor \\- ${description.replaceAll('-', '\\-')}
.SH SYNOPSIS
.B gdbm\\-doctor
.I command
.RI [ options ]
.SH DESCRIPTION
${verbatim(overview.trim())}
.SH COMMANDS
${sections.join('\n')}
.SH EXIT STATUS
0: healthy, or usable now.
1: damaged, a key that is not there, or over a limit that was set.
2: it could not do its job.
Ended by a signal: 128 and the signal's number; guard ends as its program does.
.SH SEE ALSO
.BR gdbmtool (1),
.BR gdbm_dump (1),
.BR gdbm_load (1)
`;
await writeFile(new URL('dist/gdbm-doctor.1', root), page);
