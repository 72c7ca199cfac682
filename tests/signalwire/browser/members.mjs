// The public members of the SDK's types, as JSON: `node members.mjs` reads the packages' own type files.
import { readFileSync } from 'node:fs';
import ts from 'typescript';

const PACKAGES = {
  v4: ['node_modules/@signalwire/js', 'dist/index.d.mts', {
    SignalWire: 'SignalWire', ClientSession: 'SessionState', Directory: 'Directory', Address: 'Address', User: 'User',
    Call: 'Call', Participant: 'CallParticipant', SelfParticipant: 'CallSelfParticipant', SelfCapabilities: 'SelfCapabilities',
    ClientPreferences: 'ClientPreferences', DialOptions: 'DialOptions',
  }],
  v3: ['node_modules/signalwire-js-3', 'dist/js/src/index.d.ts', {
    SignalWire: 'SignalWireClient', DialParams: 'DialParams', FabricRoomSession: 'FabricRoomSession',
  }],
};

const isPublic = (symbol) => {
  const name = symbol.getName();
  if (name.startsWith('_') || name.startsWith('#')) return false;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (symbol.declarations ?? []).every((each) => !(ts.getCombinedModifierFlags(each) & hidden))
    && !symbol.getJsDocTags().some((tag) => tag.name === 'internal');
};

function read([folder, entry, types]) {
  const root = `${import.meta.dirname}/${folder}`;
  const program = ts.createProgram([`${root}/${entry}`], {
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es5.d.ts', 'lib.es2015.promise.d.ts'], skipLibCheck: true, types: [],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(`${root}/${entry}`);
  const exported = new Map(checker.getExportsOfModule(checker.getSymbolAtLocation(source)).map((each) => [each.getName(), each]));
  const resolve = (symbol) => symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const kindOf = (symbol) => {
    const type = checker.getTypeOfSymbol(symbol);
    if (symbol.getName().endsWith('$')) return 'observable';
    return checker.getNonNullableType(type).getCallSignatures().length ? 'method' : 'value';
  };
  const members = {};
  for (const [name, type] of Object.entries(types)) {
    const found = exported.get(type);
    if (!found) throw new Error(`${folder} does not export ${type}`);
    members[name] = Object.fromEntries(checker.getDeclaredTypeOfSymbol(resolve(found)).getProperties()
      .filter(isPublic).map((each) => [each.getName(), kindOf(each)]).sort(([a], [b]) => a < b ? -1 : 1));
    const more = Object.entries(members[name]).filter(([, kind]) => kind === 'value').map(([each]) => each);
    for (const part of more) {
      const property = checker.getDeclaredTypeOfSymbol(resolve(found)).getProperty(part);
      if (folder.endsWith('3') && ['address', 'conversation', 'chat'].includes(part)) {
        for (const each of checker.getTypeOfSymbol(property).getProperties()) members[name][`${part}.${each.getName()}`] = 'method';
        delete members[name][part];
      }
    }
  }
  members.exports = {};
  for (const [name, symbol] of exported) {
    const { flags } = resolve(symbol);
    if (flags & (ts.SymbolFlags.Value | ts.SymbolFlags.Namespace) && !(flags & ts.SymbolFlags.TypeAlias)) {
      members.exports[name] = flags & ts.SymbolFlags.Class ? 'class' : 'value';
    }
  }
  return { version: JSON.parse(readFileSync(`${root}/package.json`)).version, members };
}

process.stdout.write(JSON.stringify(Object.fromEntries(Object.entries(PACKAGES).map(([each, given]) => [each, read(given)])), null, 1));
