import type { Area } from './data.js';
import { areaAt, data, isExact, mixOf } from './data.js';
import { byId, bytesText, hex, number, percent, sizeText } from './dom.js';
import { STYLES, tileOf, isDark } from './style.js';

const ROW = 18;
const GAP = 4;
/** The least that is looked at: some rows of hex. */
const LEAST = 64;

/** The map: rows of bytes that follow each other as lines of text do, a part of the file that can be zoomed and moved. */
export class FileMap {
  /** The part in sight: file offset and bytes. */
  from = 0;
  span = Math.max(1, data.size);
  /** The byte that is pointed at. */
  cursor = 0;
  /** The kind that is alone in colour. */
  only: number | undefined;
  readonly #canvas = byId<HTMLCanvasElement>('map');
  readonly #strip = byId<HTMLCanvasElement>('strip');
  readonly #tip = byId('tip');
  readonly #chosen: (area: Area, focusHex: boolean) => void;
  #frame = 0;

  constructor(chosen: (area: Area, focusHex: boolean) => void) {
    this.#chosen = chosen;
    const canvas = this.#canvas;
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('click', (event) => this.select(this.#offsetAt(event)));
    canvas.addEventListener('dblclick', () => this.zoom(1 / 4));
    canvas.addEventListener('pointermove', (event) => this.#hover(event));
    canvas.addEventListener('pointerleave', () => (this.#tip.hidden = true));
    canvas.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        this.cursor = this.#offsetAt(event);
        this.zoom(event.deltaY < 0 ? 1 / 2 : 2);
      },
      { passive: false },
    );
    this.#strip.addEventListener('click', (event) => {
      const { left, width } = this.#strip.getBoundingClientRect();
      const at = Math.floor(((event.clientX - left) / width) * data.size);
      this.show(at - this.span / 2, this.span);
      this.select(at);
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get rows(): number {
    return innerWidth < 600 ? 16 : 12;
  }

  /** Looks at a part of the file. */
  show(from: number, span: number): void {
    this.span = Math.max(Math.min(LEAST, data.size), Math.min(data.size, Math.ceil(span)));
    this.from = Math.max(0, Math.min(data.size - this.span, Math.floor(from)));
    this.draw();
  }

  /** Makes the part in sight `factor` times as large, with the cursor where it is. */
  zoom(factor: number): void {
    const span = Math.max(LEAST, Math.min(data.size, this.span * factor));
    const share = (this.cursor - this.from) / this.span;
    this.show(this.cursor - share * span, span);
  }

  /** Chooses the range at an offset, and brings it into sight. */
  select(offset: number, focusHex = false): void {
    if (data.size === 0) return;
    this.cursor = Math.max(0, Math.min(data.size - 1, offset));
    if (this.cursor < this.from || this.cursor >= this.from + this.span) {
      this.show(this.cursor - this.span / 2, this.span);
    }
    this.draw();
    this.#chosen(areaAt(this.cursor), focusHex);
  }

  /** Goes to an offset and close enough to see what is there. */
  goTo(offset: number): void {
    const { length } = areaAt(Math.max(0, Math.min(data.size - 1, offset)));
    const span = Math.max(4096, length * 4);
    if (this.span > span) this.show(offset - span / 2, span);
    this.select(offset);
  }

  draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    const tiles = STYLES.map((_, kind) => tileOf(kind, isDark()));
    const { rows } = this;
    const [ctx, width] = prepare(this.#canvas, rows * (ROW + GAP));
    const perRow = this.span / rows;
    for (let row = 0; row < rows; row++) {
      this.#drawRow(ctx, tiles, 0, row * (ROW + GAP), width, ROW, this.from + row * perRow, perRow, 2);
    }
    const inSight = (offset: number) => offset >= this.from && offset < this.from + this.span;
    const ink = isDark() ? '#fff' : '#111';
    for (const offset of data.marks) {
      if (!inSight(offset)) continue;
      const [x, y] = this.#placeOf(offset, width);
      ctx.fillStyle = ink;
      ctx.beginPath();
      ctx.moveTo(x - 5, y - 3);
      ctx.lineTo(x + 5, y - 3);
      ctx.lineTo(x, y + 6);
      ctx.fill();
    }
    if (data.size > 0 && inSight(this.cursor)) {
      const area = areaAt(this.cursor);
      const [x, y] = this.#placeOf(Math.max(area.offset, this.cursor - perRow, this.from), width);
      const w = Math.max(6, Math.min(width - x, (area.length / perRow) * width));
      ctx.lineWidth = 2;
      ctx.strokeStyle = ink;
      ctx.strokeRect(Math.max(1, Math.min(x, width - 7)), y - 1, w, ROW + 2);
    }
    const [strip, whole] = prepare(this.#strip, 22);
    this.#drawRow(strip, tiles, 0, 4, whole, 14, 0, Math.max(1, data.size), 2);
    const [x1, x2] = [this.from, this.from + this.span].map((at) => (at / Math.max(1, data.size)) * whole);
    strip.lineWidth = 2;
    strip.strokeStyle = ink;
    strip.strokeRect(Math.min(x1 + 1, whole - 7), 1, Math.max(6, x2 - x1 - 2), 20);
    byId('sight').textContent =
      `${hex(this.from)} to ${hex(this.from + this.span)} · ${sizeText(this.span)} in sight · a row is ${sizeText(Math.ceil(perRow))}${isExact(this.from, this.from + this.span) ? '' : ' · summarised in part'}`;
    this.#canvas.dataset['from'] = String(this.from);
    this.#canvas.dataset['span'] = String(this.span);
    this.#canvas.dataset['cursor'] = String(this.cursor);
  }

  /** A row: where a column has several kinds, they stand above each other in the proportion of their bytes. */
  #drawRow(
    ctx: CanvasRenderingContext2D,
    tiles: readonly HTMLCanvasElement[],
    left: number,
    top: number,
    width: number,
    height: number,
    from: number,
    span: number,
    step: number,
  ): void {
    const patterns = tiles.map((tile) => ctx.createPattern(tile, 'repeat')!);
    for (let x = 0; x < width; x += step) {
      const start = Math.floor(from + (x / width) * span);
      const end = Math.min(data.size, Math.max(start + 1, Math.floor(from + ((x + step) / width) * span)));
      if (start >= data.size) break;
      const mix = mixOf(start, end);
      let y = top;
      for (let kind = 0; kind < mix.length; kind++) {
        if (mix[kind] === 0) continue;
        // Damage is visible, however small it is.
        const least = kind >= 8 ? 3 : 0;
        const h = Math.max(least, (mix[kind] / (end - start)) * height);
        ctx.globalAlpha = this.only === undefined || this.only === kind ? 1 : 0.15;
        ctx.fillStyle = patterns[kind];
        ctx.fillRect(left + x, Math.min(y, top + height - h), step, h);
        y += h;
      }
    }
    ctx.globalAlpha = 1;
  }

  #placeOf(offset: number, width: number): [x: number, y: number] {
    const at = ((offset - this.from) / this.span) * this.rows;
    const row = Math.min(this.rows - 1, Math.floor(at));
    return [(at - row) * width, row * (ROW + GAP)];
  }

  #offsetAt(event: MouseEvent): number {
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const row = Math.max(0, Math.min(this.rows - 1, Math.floor((event.clientY - top) / (ROW + GAP))));
    const share = (row + Math.max(0, Math.min(0.999999, (event.clientX - left) / width))) / this.rows;
    return Math.min(data.size - 1, Math.floor(this.from + share * this.span));
  }

  #hover(event: PointerEvent): void {
    if (data.size === 0) return;
    this.#tip.textContent = describe(areaAt(this.#offsetAt(event)));
    this.#tip.hidden = false;
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const x = Math.min(event.clientX - left + 12, width - 260);
    this.#tip.style.setProperty('left', `${Math.max(0, x)}px`);
    this.#tip.style.setProperty('top', `${event.clientY - top + 18}px`);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.span / this.rows;
    const column = Math.max(1, row / 48);
    const area = data.size > 0 ? areaAt(this.cursor) : undefined;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => this.select(Math.floor(this.cursor - column)),
      ArrowRight: () => this.select(Math.ceil(this.cursor + column)),
      ArrowUp: () => this.select(Math.floor(this.cursor - row)),
      ArrowDown: () => this.select(Math.ceil(this.cursor + row)),
      PageUp: () => this.#pan(-this.span),
      PageDown: () => this.#pan(this.span),
      Home: () => this.select(0),
      End: () => this.select(data.size - 1),
      '+': () => this.zoom(1 / 2),
      '=': () => this.zoom(1 / 2),
      '-': () => this.zoom(2),
      '0': () => this.show(0, data.size),
      n: () => area && this.select(area.offset + area.length),
      p: () => area && this.select(area.offset - 1),
      Enter: () => this.select(this.cursor, true),
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move();
  }

  #pan(by: number): void {
    this.show(this.from + by, this.span);
    this.select(Math.floor(this.cursor + by));
  }
}

/** A range in words. */
export function describe({ kind, offset, length, exact }: Area): string {
  const place = `${bytesText(length)} at ${number(offset)} (${hex(offset)})`;
  if (exact) return `${STYLES[kind].name}: ${place}`;
  const mix = mixOf(offset, offset + length);
  const parts = [...mix.keys()].filter((one) => mix[one] > 0).sort((a, b) => mix[b] - mix[a]);
  const words = parts.map((one) => `${STYLES[one].name.toLowerCase()} ${percent(mix[one] / length)}`);
  return `Summarised, ${place}: ${words.join(', ')}`;
}

/** Makes a canvas as large as it is shown, in the screen's own pixels. */
function prepare(canvas: HTMLCanvasElement, height: number): [CanvasRenderingContext2D, number] {
  const ratio = devicePixelRatio || 1;
  const width = Math.max(1, canvas.clientWidth);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.setProperty('height', `${height}px`);
  const ctx = canvas.getContext('2d')!;
  ctx.scale(ratio, ratio);
  return [ctx, width];
}
