import { byId } from './dom.js';

/** The name of a kind, its meaning, its colours on light and dark, and its pattern. */
interface KindStyle {
  readonly name: string;
  readonly about: string;
  readonly light: string;
  readonly dark: string;
  readonly pattern: 'solid' | 'dots' | 'rising' | 'falling' | 'upright' | 'cross' | 'level';
}

/** In the order of the data's kinds. Colours after Okabe and Ito, who chose them for every kind of colour vision. */
export const STYLES: readonly KindStyle[] = [
  { name: 'Header', about: 'where everything else is', light: '#8a3f73', dark: '#d98cc0', pattern: 'solid' },
  {
    name: 'Directory',
    about: 'leads from hashes to buckets',
    light: '#c77f00',
    dark: '#f0ae3c',
    pattern: 'level',
  },
  {
    name: 'Bucket',
    about: 'knows up to so many records',
    light: '#0064a4',
    dark: '#4fa3e0',
    pattern: 'upright',
  },
  { name: 'Avail block', about: 'lists free space', light: '#3d9fd6', dark: '#8fd0f5', pattern: 'dots' },
  {
    name: 'Live record',
    about: 'a key and its value, in force',
    light: '#00855f',
    dark: '#2fbf94',
    pattern: 'solid',
  },
  {
    name: 'Deleted record',
    about: 'deleted or replaced, perhaps still whole',
    light: '#8d7a4f',
    dark: '#c9b27a',
    pattern: 'falling',
  },
  { name: 'Free', about: 'listed as free', light: '#d3d9e0', dark: '#3a4654', pattern: 'solid' },
  {
    name: 'Unaccounted',
    about: 'nothing leads here and nothing lists it',
    light: '#a3a8b0',
    dark: '#6b7480',
    pattern: 'dots',
  },
  {
    name: 'Damaged',
    about: 'should be a structure or a record and is none',
    light: '#c8480a',
    dark: '#ff7d3c',
    pattern: 'cross',
  },
  {
    name: 'Overlapping',
    about: 'claimed more than once',
    light: '#d8b400',
    dark: '#f2e04a',
    pattern: 'rising',
  },
];

const TILE = 8;

/** A tile of a kind's colour and pattern. */
export function tileOf(kind: number, dark: boolean): HTMLCanvasElement {
  const { light, dark: onDark, pattern } = STYLES[kind];
  const tile = document.createElement('canvas');
  tile.width = tile.height = TILE;
  const ctx = tile.getContext('2d')!;
  ctx.fillStyle = dark ? onDark : light;
  ctx.fillRect(0, 0, TILE, TILE);
  ctx.strokeStyle = ctx.fillStyle = dark ? 'rgba(0,0,0,.45)' : 'rgba(255,255,255,.55)';
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  const line = (x1: number, y1: number, x2: number, y2: number) => {
    ctx.moveTo(x1, y1);
    ctx.lineTo(x2, y2);
  };
  if (pattern === 'rising' || pattern === 'cross') [0, TILE].forEach((x) => line(x - TILE, TILE, x, 0));
  if (pattern === 'rising') line(0, TILE * 2, TILE * 2, 0);
  if (pattern === 'falling' || pattern === 'cross') [0, -TILE].forEach((x) => line(x, 0, x + TILE, TILE));
  if (pattern === 'cross') line(0, TILE, TILE, 0);
  if (pattern === 'upright') line(TILE - 1, 0, TILE - 1, TILE);
  if (pattern === 'level') line(0, TILE - 1, TILE, TILE - 1);
  ctx.stroke();
  if (pattern === 'dots') ctx.fillRect(2, 2, 2, 2);
  return tile;
}

const system = matchMedia('(prefers-color-scheme: dark)');

export function isDark(): boolean {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === undefined ? system.matches : chosen === 'dark';
}

/** Light or dark as the system has it, until the person who reads chooses. */
export function startTheme(changed: () => void): void {
  const button = byId<HTMLButtonElement>('theme');
  const show = () => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Show the page ${isDark() ? 'light' : 'dark'}`);
    changed();
  };
  button.addEventListener('click', () => {
    document.documentElement.dataset['theme'] = isDark() ? 'light' : 'dark';
    show();
  });
  system.addEventListener('change', show);
  show();
}
