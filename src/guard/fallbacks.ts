/** What to do where a database can be neither repaired nor replaced. */
export const FALLBACKS = ['empty', 'no-persistence', 'fail'] as const;
export type Fallback = (typeof FALLBACKS)[number];
