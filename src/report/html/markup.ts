/** Markup that is safe to put into a page. */
export class Markup {
  constructor(readonly text: string) {}
}

type Part = string | number | Markup | null | readonly Markup[];

/** Makes markup of a template: texts and numbers put into it are escaped, and null is nothing. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: literals }, ...parts.map(textOf)));
}

function textOf(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return part instanceof Markup ? part.text : part.map(({ text }) => text).join('');
}

function escapeHtml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Bytes of a file, escaped for people already; kept apart so that their direction and marks change nothing else. */
export function quoted(text: string): Markup {
  return html`<bdi class="quoted">${text}</bdi>`;
}
