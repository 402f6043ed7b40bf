import assert from 'node:assert/strict';
import test from 'node:test';
import ts from 'typescript';
import { fixture } from '../tools/fixtures.js';

const ENTRIES = ['index', 'core'].map((name) => fixture(`../dist/${name}.d.ts`));
const program = ts.createProgram(ENTRIES, {
  lib: ['lib.es2022.d.ts'],
  types: ['node'],
  module: ts.ModuleKind.NodeNext,
  strict: true,
});
const checker = program.getTypeChecker();

function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function exportsOf(entry: string): Map<string, ts.Symbol> {
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
  return new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, resolved(symbol)]));
}

const isFunction = ({ flags }: ts.Symbol) => (flags & ts.SymbolFlags.Function) !== 0;

/** The types that a user meets who begins with some exports. A part of another type, and its base, need no name. */
function reachedFrom(symbols: Iterable<ts.Symbol>): { reached: Set<ts.Symbol>; bases: Set<ts.Symbol> } {
  const reached = new Set<ts.Symbol>();
  const bases = new Set<ts.Symbol>();
  const visitAll = (symbol: ts.Symbol | undefined) => symbol?.declarations?.forEach(visit);
  const visitMembers = (type: ts.TypeNode, isWanted: (name: string) => boolean) => {
    const members = checker.getPropertiesOfType(checker.getTypeFromTypeNode(type));
    members.filter(({ name }) => isWanted(name)).forEach(visitAll);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIndexedAccessTypeNode(node)) {
      visitMembers(node.objectType, (name) => keysOf(node.indexType).includes(name));
    } else if (ts.isHeritageClause(node)) {
      for (const base of node.types) {
        const symbol = ownSymbol(base.expression);
        if (symbol === undefined) visitReference(base, base.expression.getText());
        else {
          bases.add(symbol);
          visitAll(symbol);
        }
      }
    } else if (ts.isTypeReferenceNode(node)) visitReference(node, node.typeName.getText());
    else ts.forEachChild(node, visit);
  };
  const visitReference = (node: ts.NodeWithTypeArguments, name: string) => {
    const [type, keys] = node.typeArguments ?? [];
    if (name === 'Omit' || name === 'Pick') {
      visitMembers(type, (member) => keysOf(keys).includes(member) === (name === 'Pick'));
      return;
    }
    const symbol = ts.isTypeReferenceNode(node) ? ownSymbol(node.typeName) : undefined;
    if (symbol !== undefined && !reached.has(symbol)) {
      reached.add(symbol);
      visitAll(symbol);
    }
    node.typeArguments?.forEach(visit);
  };
  for (const symbol of symbols) visitAll(symbol);
  return { reached, bases };
}

/** The texts of a literal type or a union of them. */
function keysOf(node: ts.TypeNode): string[] {
  const type = checker.getTypeFromTypeNode(node);
  return (type.isUnion() ? type.types : [type]).flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
}

/** The symbol of a type of this package; undefined for others and for type parameters. */
function ownSymbol(name: ts.Node): ts.Symbol | undefined {
  const named = checker.getSymbolAtLocation(name);
  const symbol = named && resolved(named);
  if (symbol === undefined || (symbol.flags & ts.SymbolFlags.TypeParameter) !== 0) return undefined;
  const isOurs = symbol.declarations?.some((one) => one.getSourceFile().fileName.includes('/dist/'));
  return isOurs === true ? symbol : undefined;
}

const namesOf = (symbols: readonly ts.Symbol[]) => symbols.map(({ name }) => name).sort();

for (const entry of ENTRIES) {
  const exported = exportsOf(entry);
  const name = entry.slice(entry.lastIndexOf('/') + 1);

  test(`${name}: all types that its functions name are exported, and no others`, () => {
    const begin = [...exported.values()].filter((one) => isFunction(one) || one.name === 'GdbmError');
    const { reached, bases } = reachedFrom(begin);
    const types = [...exported.values()].filter((one) => !begin.includes(one));
    assert.deepEqual(namesOf(types.filter((one) => !reached.has(one) && !bases.has(one))), []);
    assert.deepEqual(namesOf([...reached].filter((one) => !types.includes(one))), []);
  });

  test(`${name}: each export has a docstring, and each function an example`, () => {
    const symbols = [...exported.values()];
    const without = symbols.filter((one) => one.getDocumentationComment(checker).length === 0);
    assert.deepEqual(namesOf(without), []);
    const shown = symbols.filter((one) => isFunction(one) || one.name === 'GdbmError');
    const bare = shown.filter((one) => !one.getJsDocTags().some((tag) => tag.name === 'example'));
    assert.deepEqual(namesOf(bare), []);
  });
}
