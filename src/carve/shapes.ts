import { pickleShape } from './pickleshape.js';
import type { Shape } from './shape.js';

/** The shapes that are looked for; at one place the first that is whole counts. */
export const SHAPES: readonly Shape[] = [pickleShape];
