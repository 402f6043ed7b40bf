import { basename } from 'node:path';
import { COMMANDS, nameOf } from './main.js';
import { defineCommand } from './options.js';
import type { OptionFacts } from './optiontable.js';
import { optionsOf } from './optiontable.js';
import { EXIT, print } from './terminal.js';

/*
 * Scripts that complete commands, options, their values and file names. They are made of the declarations of the commands
 * and hold all of it: no key press starts Node.
 */

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export const command = defineCommand(
  (parser) =>
    parser
      .positional('shell', { choices: SHELLS, describe: 'The shell; the one of this terminal by default' })
      .example('$0 completion bash > /etc/bash_completion.d/gdbm-doctor', 'For everybody, in bash')
      .example('$0 completion zsh > ~/.zfunc/_gdbm-doctor', 'Where ~/.zfunc is in fpath')
      .example('$0 completion fish > ~/.config/fish/completions/gdbm-doctor.fish', 'In fish'),
  async ({ shell }) => {
    const own = basename(process.env['SHELL'] ?? '') as Shell;
    const commands = await Promise.all(
      COMMANDS.filter(({ describe }) => describe !== false).map(async (listed) => ({
        name: nameOf(listed),
        describe: String(listed.describe),
        options: optionsOf((await listed.load()).command, listed.usage).filter(({ isHidden }) => !isHidden),
      })),
    );
    await print(SCRIPTS[shell ?? (SHELLS.includes(own) ? own : 'bash')](commands));
    return EXIT.ok;
  },
);

interface CompletedCommand {
  readonly name: string;
  readonly describe: string;
  readonly options: readonly OptionFacts[];
}

const SCRIPTS: Record<Shell, (commands: readonly CompletedCommand[]) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The name under which an option is offered: a switch that is on, as the one that turns it off. */
const offered = ({ name, isOnByDefault }: OptionFacts) => (isOnByDefault ? `no-${name}` : name);

function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  const options = commands.map(
    (one) => `    ${one.name}) words='${one.options.map((option) => `--${offered(option)}`).join(' ')}' ;;`,
  );
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map((option) => `    ${name}:--${option.name}) words='${option.choices.join(' ')}' ;;`),
  );
  return `# Completion of gdbm-doctor for bash. Where no word of its own fits, file names are completed.
_gdbm_doctor() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} name='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${names.join('|')}) name=$word; break ;; esac
  done
  case $name:$prev in
${values.join('\n')}
    help:*) words='${names.join(' ')}' ;;
  esac
  if [[ -z $words && $cur == -* ]]; then case $name in
${options.join('\n')}
  esac; fi
  [[ -z $name && $cur != -* ]] && words='${names.join(' ')}'
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _gdbm_doctor gdbm-doctor
`;
}

/** A text in quotes of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

function zshScript(commands: readonly CompletedCommand[]): string {
  // A colon ends the name, a bracket the description.
  const listed = commands.map(({ name, describe }) => `    ${quoted(`${name}:${describe}`)}`);
  const spec = (option: OptionFacts) => {
    const about = `[${option.describe.replaceAll(/[[\]\\:]/g, (one) => `\\${one}`)}]`;
    const value = !option.takesValue
      ? ''
      : option.choices.length > 0
        ? `:value:(${option.choices.join(' ')})`
        : ':value:_files';
    return [`--${offered(option)}`, ...option.letters.map((letter) => `-${letter}`)]
      .map((name) => quoted(`${name}${about}${value}`))
      .join(' ');
  };
  const cases = commands.map(
    ({ name, options }) => `    ${name}) _arguments -s ${options.map(spec).join(' ')} '*:file:_files' ;;`,
  );
  return `#compdef gdbm-doctor
# Completion of gdbm-doctor for zsh.
_gdbm_doctor() {
  local -a commands=(
${listed.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    _files
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
    help) _describe command commands ;;
${cases.filter((one) => !one.startsWith('    help)')).join('\n')}
    *) _files ;;
  esac
}
if [ "$funcstack[1]" = _gdbm-doctor ]; then _gdbm_doctor "$@"; else compdef _gdbm_doctor gdbm-doctor; fi
`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, describe, options }) => [
    `complete -c gdbm-doctor -n __fish_use_subcommand -a ${name} -d ${fishQuoted(describe)}`,
    ...options.map((option) =>
      [
        `complete -c gdbm-doctor -n '__fish_seen_subcommand_from ${name}' -l ${offered(option)}`,
        ...option.letters.map((letter) => `-s ${letter}`),
        ...(!option.takesValue
          ? []
          : option.choices.length > 0
            ? [`-x -a '${option.choices.join(' ')}'`]
            : ['-r -F']),
        `-d ${fishQuoted(option.describe)}`,
      ].join(' '),
    ),
  ]);
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of gdbm-doctor for fish.
${lines.join('\n')}
complete -c gdbm-doctor -n '__fish_seen_subcommand_from help' -f -a '${names}'
`;
}

const fishQuoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
