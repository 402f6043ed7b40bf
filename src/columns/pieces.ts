/** Numbers beside each other in memory. */
interface Piece<P> {
  readonly length: number;
  set(from: P): void;
}

/**
 * Makes room for more numbers behind full pieces of memory: the first piece is copied to one of twice its size until it has as
 * many as a piece has at most, and from then on there is one more piece, and none is copied.
 *
 * @param most numbers of a piece, as many as the first has times a power of two
 */
export function addRoom<P extends Piece<P>>(pieces: P[], most: number, make: (length: number) => P): void {
  const last = pieces[pieces.length - 1];
  if (last.length === most) pieces.push(make(most));
  else {
    const grown = make(2 * last.length);
    grown.set(last);
    pieces[pieces.length - 1] = grown;
  }
}
