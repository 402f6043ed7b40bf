/** A value that a configuration gives a name; `unknown` if it may give it any. */
export type Setting = { readonly value: string | boolean } | 'unknown' | undefined;

/** Words with which code changes names without an assignment to them. */
const INDIRECT = /\b(exec|eval|globals|locals|vars|global|setattr|__\w+__)\b|:=|\bimport\s*\(?\s*\*/;
/** A string without escapes, or a bool. */
const LITERAL = /^(?:[rbu]?'([^'\\\n]*)'|[rbu]?"([^"\\\n]*)"|(True|False))$/;

/**
 * Reads what a configuration of Flower gives each of some names, as far as plain assignments of values tell it. The
 * configuration is a program in Python: whatever else may set a name leaves it unknown.
 */
export function settingsIn<Name extends string>(text: string, names: readonly Name[]): Record<Name, Setting> {
  const settings = Object.fromEntries(names.map((name) => [name, undefined])) as Record<Name, Setting>;
  const allUnknown = () =>
    Object.fromEntries(names.map((name) => [name, 'unknown' as const])) as Record<Name, Setting>;
  const statements = statementsOf(text);
  if (statements === undefined || INDIRECT.test(statements.map(({ bare }) => bare).join('\n')))
    return allUnknown();
  let isInFunction = false;
  for (const { line, bare } of statements) {
    if (/^\s/.test(bare)) {
      if (isInFunction) continue;
      return allUnknown();
    }
    const [, defined] = /^(?:async\s+)?def\s+(\w+)/.exec(bare) ?? [];
    isInFunction = defined !== undefined;
    const [, assigned] = /^(\w+)\s*(?::[^=]*)?=(?!=)/.exec(bare) ?? [];
    const [, imported] = /^(?:from\s+[\w.]+\s+)?import\s+([\w\s.,()]+)$/.exec(bare) ?? [];
    const bound = defined ?? assigned ?? imported;
    // A decorator is an expression.
    if (bound === undefined && !bare.startsWith('@') && bare !== '""' && bare !== 'pass') return allUnknown();
    const value = assigned === undefined ? '' : line.slice(line.indexOf('=') + 1).trim();
    const isChained =
      assigned !== undefined && /(?<![=!<>])=(?!=)/.test(outside(bare.slice(bare.indexOf('=') + 1)));
    for (const name of names) {
      if (assigned === name && !isChained) {
        const match = LITERAL.exec(value);
        const literal = match?.[1] ?? match?.[2];
        settings[name] =
          match === null ? 'unknown' : { value: literal === undefined ? match[3] === 'True' : literal };
      } else if (isChained || new RegExp(`\\b${name}\\b`).test(defined ?? imported ?? '')) {
        settings[name] = 'unknown';
      }
    }
  }
  return settings;
}

/** A statement: as it is written, and with its strings empty; both without comments. */
interface Statement {
  readonly line: string;
  readonly bare: string;
}

/** A string, a comment, a bracket, or the end of a line. */
const TOKEN =
  /("""|''')[^]*?\1|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*|[()[\]{}]|\n|[^"'#()[\]{}\n]+/y;

/** Splits a program into its statements, one a line; undefined if it has anything unexpected in it. */
function statementsOf(text: string): Statement[] | undefined {
  const statements: Statement[] = [];
  let [line, bare, depth] = ['', '', 0];
  const end = () => {
    if (bare.trim() !== '') statements.push({ line: line.trimEnd(), bare: bare.trimEnd() });
    [line, bare] = ['', ''];
  };
  TOKEN.lastIndex = 0;
  const code = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  for (let at = 0; at < code.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(code)?.[0];
    if (token === undefined) return undefined;
    if (token === '\n') {
      if (depth === 0) end();
      else bare += ' ';
    } else if (token.startsWith('#')) continue;
    else {
      const isString = /^["']/.test(token);
      if (!isString && /[\\;\f\r\v]/.test(token)) return undefined;
      if ('([{'.includes(token)) depth++;
      if (')]}'.includes(token)) depth--;
      line += token;
      bare += isString ? '""' : token;
    }
  }
  end();
  return depth === 0 ? statements : undefined;
}

/** A text without what is in brackets. */
function outside(text: string): string {
  let previous: string;
  let left = text;
  do {
    previous = left;
    left = left.replaceAll(/\([^()[\]{}]*\)|\[[^()[\]{}]*\]|\{[^()[\]{}]*\}/g, '');
  } while (left !== previous);
  return left;
}
