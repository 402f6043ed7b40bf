// binary-parser ships its types where an ES module import does not find them; these are the parts in use.
declare module 'binary-parser' {
  export class Parser {
    endianness(order: 'little' | 'big'): this;
    int32(name: string): this;
    uint32(name: string): this;
    int64(name: string, options: { formatter: (value: bigint) => unknown }): this;
    buffer(name: string, options: { length: number }): this;
    array(name: string, options: { type: Parser; length: number }): this;
    seek(bytes: number): this;
    parse(bytes: Uint8Array): unknown;
  }
}
