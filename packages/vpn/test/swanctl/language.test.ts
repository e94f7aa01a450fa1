import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeProblem, ProblemList } from '../../src/compile/config-problem.ts';
import { loadSettings } from '../../src/swanctl/load-settings.ts';
import { resolveReferences } from '../../src/swanctl/resolve-references.ts';
import type { SettingsSection } from '../../src/swanctl/settings-tree.ts';
import { memoryFiles } from './memory-files.ts';

function read(text: string, others: Readonly<Record<string, string>> = {}) {
  const problems = new ProblemList();
  const warnings = new ProblemList();
  const files = memoryFiles({ '/m.conf': text, ...others });
  const raw = loadSettings('/m.conf', files, problems, warnings);
  const root = problems.isEmpty ? resolveReferences(raw, problems).root : raw;
  return {
    root,
    errors: problems.problems.map(describeProblem),
    warnings: warnings.problems.map(describeProblem),
  };
}

/** A tree as nested objects; a cleared value is null. */
function plain(section: SettingsSection): unknown {
  return Object.fromEntries([
    ...[...section.values].map(([key, { text }]) => [key, text ?? null]),
    ...[...section.sections].map(([name, inner]) => [name, plain(inner)]),
  ]);
}

describe('the language of strongswan.conf', () => {
  // What strongSwan 5.9.8 makes of each text was tried out on it.
  it.each<[string, string, unknown]>([
    ['a value goes to the end of the line', 'a = b c  \n', { a: 'b c' }],
    ['blanks inside a value become one', 'a = b    c\t\td  \n', { a: 'b c d' }],
    ['a comment ends a value', 'a = b#c\n', { a: 'b' }],
    ['an opening brace is part of a value', 'a = b { c\n', { a: 'b { c' }],
    ['a closing brace ends a value', 's { a = b } c = d\n', { s: { a: 'b' }, c: 'd' }],
    ['only a newline separates two keys', 's { a = b c = d }\n', { s: { a: 'b c = d' } }],
    ['a quoted value does not end the line', 's { a = "b" c = d }', { s: { a: 'b c = d' } }],
    ['sections may share a line', 's { a = b } t { c = d }', { s: { a: 'b' }, t: { c: 'd' } }],
    [
      'a nested section may follow on its line',
      's { a { b = 1 } c = 2 }',
      { s: { a: { b: '1' }, c: '2' } },
    ],
    ['words and quoted texts are joined', 'a = b "c d" e\n', { a: 'b c d e' }],
    ['quotes keep blanks', 'a = "  b  "  c\n', { a: '  b   c' }],
    ['quotes inside a word split it', 'a = ab"cd"ef\n', { a: 'ab cd ef' }],
    ['quoted braces and hashes are text', 's { a = "x}#{" }\n', { s: { a: 'x}#{' } }],
    ['escapes', 'a = "x\\ny\\tz\\"q\\\\ \\x\\r"\n', { a: 'x\ny\tz"q\\ x\r' }],
    ['line breaks inside quotes stay', 'a = "x\ny"\n', { a: 'x\ny' }],
    ['an escaped line break inside quotes goes', 'a = "x\\\ny"\n', { a: 'xy' }],
    ['a backslash outside quotes is text', 'a = a\\ b\n', { a: 'a\\ b' }],
    ['no value clears', 'a = 1\na =\nb = c\n', { a: null, b: 'c' }],
    ['an empty text is a value', 'a = 1\na = ""\n', { a: '' }],
    ['a comment alone is no value', 'a = #\n', { a: null }],
    ['later values replace', 'a { b = 1 }\na { b = 2\n c = 3 }\n', { a: { b: '2', c: '3' } }],
    [
      'nested sections merge',
      'a { b { c = 1 } } a { b { d = 2 } }',
      { a: { b: { c: '1', d: '2' } } },
    ],
    ['another = is text', 'a = 1 = 2\n', { a: '1 = 2' }],
    ['punctuation in values', 'a = x:y,z w\n', { a: 'x:y,z w' }],
    ['newlines before { and =', 'a\n\n{ b\n= 1 }\n', { a: { b: '1' } }],
    ['comments before { and =', 'a # c\n { b # d\n = 1 }', { a: { b: '1' } }],
    ['carriage returns are blanks', 'a = b\r\nc { d = e\r\n}\r\n', { a: 'b', c: { d: 'e' } }],
    ['no newline at the end', 'a = b', { a: 'b' }],
    ['signs in names', 'a/b = 1\n*x = 2\n%d = 3\n', { 'a/b': '1', '*x': '2', '%d': '3' }],
    ['letters beyond ASCII', 'ä = ü\n', { ä: 'ü' }],
    ['include as a key', 'include = 3\n', { include: '3' }],
    ['a key and a section of one name', 'a = 1\nb { a = 2 }\n', { a: '1', b: { a: '2' } }],
    ['a byte order mark', '\uFEFFa = 1\n', { a: '1' }],
    ['nothing', '\n\n # x\n', {}],
  ])('%s', (_, text, expected) => {
    const { root, errors } = read(text);
    expect(errors).toEqual([]);
    expect(plain(root)).toEqual(expected);
  });

  it.each<[string, string, string[]]>([
    [
      'a name alone',
      'a\n',
      ['/m.conf:2:1: expected "=", "{" or ":" after a name, got the end of the file'],
    ],
    [
      'two names',
      'a b\nc d\n',
      [
        '/m.conf:1:3: expected "=", "{" or ":" after a name, got another word',
        '/m.conf:2:3: expected "=", "{" or ":" after a name, got another word',
      ],
    ],
    [
      'an open section',
      's {\n a = 1\n',
      ['/m.conf:3:1: s: the file ends inside the section "s" of line 1: "}" is missing'],
    ],
    [
      'a closing brace too many',
      's { a = 1 }}\n',
      ['/m.conf:1:12: there is no section to close with "}"'],
    ],
    [
      'a dotted name',
      'a.b = 1\n',
      ['/m.conf:1:2: names have no dots here: write a { ... } with the rest inside'],
    ],
    ['a quoted name', '"a" = 1\n', ['/m.conf:1:1: expected a section or a key, got "\\""']],
    [
      'an open quote',
      'a = "x\nb = 1\n',
      ["/m.conf:1:5: the quoted text that begins here has no closing '\"'"],
    ],
    [
      'an include of nothing',
      'include \n',
      ['/m.conf:1:9: expected a file name or pattern after "include"'],
    ],
    [
      'a reference to nothing',
      'a : { b = 1 }\n',
      ['/m.conf:1:5: expected the name of a section, got "{"'],
    ],
    [
      'references without a comma',
      'a : b c { }\n',
      ['/m.conf:1:7: expected "," or "{", got another word'],
    ],
    ['blanks in a reference', 'a : b . c { }\n', ['/m.conf:1:7: expected "," or "{", got "."']],
    [
      'a value that is not UTF-8, with its place and not its letters',
      '# caf\uFFFD\ns { secret = caf\uFFFD\n }\n',
      [
        '/m.conf:2:14: s: this value holds letters that are not UTF-8: save the file as UTF-8, or write a secret of other bytes as 0x and their digits',
      ],
    ],
    ['an anonymous section', '{ a = 1 }\n', ['/m.conf:1:1: expected a section or a key, got "{"']],
  ])('refuses %s', (_, text, expected) => {
    expect(read(text).errors).toEqual(expected);
  });

  it('keeps file, line and column of keys and values', () => {
    const { root } = read('\n  s {\n\tkey  =   a value # c\n  }\n');
    const value = root.sections.get('s')?.values.get('key');
    expect(root.sections.get('s')?.at).toEqual({ file: '/m.conf', line: 2, column: 3 });
    expect(value?.keyAt).toEqual({ file: '/m.conf', line: 3, column: 2 });
    expect(value?.at).toEqual({ file: '/m.conf', line: 3, column: 11 });
  });

  it('counts lines inside quoted text', () => {
    const { root } = read('a = "1\n2\n3" \n b = c\n');
    expect(root.values.get('b')?.keyAt).toEqual({ file: '/m.conf', line: 4, column: 2 });
  });
});

describe('include', () => {
  it('reads files relative to the file that includes them', () => {
    const { root, errors } = read('include d/x.conf\n', {
      '/d/x.conf': 'include y.conf\n',
      '/d/y.conf': 'k = 7\n',
    });
    expect(errors).toEqual([]);
    expect(plain(root)).toEqual({ k: '7' });
    expect(root.values.get('k')?.at.file).toBe('/d/y.conf');
  });

  it('puts settings into the section around it, in order', () => {
    const { root } = read('s { k = 0\n include x.conf }\n b = 1\ns { k = 2 }\n', {
      '/x.conf': 'k = 1\nl = 1',
    });
    expect(plain(root)).toEqual({ b: '1', s: { k: '2', l: '1' } });
  });

  it.each([
    ['include *.inc', { k: '2' }],
    ['include "a b.inc"', { k: '0' }],
    ['include [0-1]*.inc # comment', { k: '10' }],
    ['include ?.inc', { k: '2' }],
    ['include [!1].inc', { k: '2' }],
    ['s { include 1.inc }', { s: { k: '1' } }],
  ])('understands %s', (text, expected) => {
    const files = {
      '/1.inc': 'k = 1',
      '/10.inc': 'k = 10',
      '/2.inc': 'k = 2',
      '/a b.inc': 'k = 0',
    };
    const { '/a b.inc': spaced, ...numbers } = files;
    const { root, errors } = read(text, text.includes('a b') ? { '/a b.inc': spaced } : numbers);
    expect(errors).toEqual([]);
    expect(plain(root)).toEqual(expected);
  });

  it('warns of a file that is not there and is silent about a pattern that names none', () => {
    const { errors, warnings } = read('include conf.d/*.conf\ns {\n include nope.conf\n}\n');
    expect(errors).toEqual([]);
    expect(warnings).toEqual([
      '/m.conf:3:10: s: there is no file "nope.conf" to include; it is left out',
    ]);
  });

  it('stops a file that includes itself', () => {
    const { errors } = read('include m.conf\n');
    expect(errors).toEqual([
      '/m.conf:1:9: includes nest deeper than 10: does /m.conf include itself?',
    ]);
  });

  it('stops files that multiply', () => {
    const text = 'include *.conf\n';
    const { errors } = read(text, { '/1.conf': text, '/2.conf': text, '/3.conf': text });
    expect(errors).toEqual([
      '/1.conf:1:9: includes nest deeper than 10: does /1.conf include itself?',
    ]);
  });

  it('stops at a thousand files', () => {
    const files = Array.from({ length: 1500 }, (_, i) => [`/d/${i}.conf`, 'a = 1\n']);
    expect(read('include d/*\n', Object.fromEntries(files)).errors).toEqual([
      '/m.conf:1:9: more than 1000 files are included',
    ]);
  });

  it('refuses a section that an included file leaves open', () => {
    expect(read('include open.conf\nb = 1 }\n', { '/open.conf': 's {\n' }).errors).toEqual([
      '/open.conf:2:1: s: the file ends inside the section "s" of line 1: "}" is missing',
      '/m.conf:2:7: there is no section to close with "}"',
    ]);
  });

  it('says why the first file cannot be read', () => {
    const problems = new ProblemList();
    loadSettings('/nope.conf', memoryFiles({}), problems, new ProblemList());
    expect(problems.problems.map(describeProblem)).toEqual([
      'cannot read /nope.conf: there is no such file',
    ]);
  });
});

describe('sections that inherit', () => {
  it.each<[string, string, string, unknown]>([
    ['own values go first', 'a', 'a : b { c = 1 }\nb { d = 2\n c = 3 }', { c: '1', d: '2' }],
    [
      'several references, the first goes first',
      'a',
      'a : b, z.y { c = 1 }\nb { d = 2 }\nz { y { d = 4\n e = 5 } }',
      { c: '1', d: '2', e: '5' },
    ],
    [
      'repeated sections collect references',
      'a',
      'a : b {}\na : c {}\nb { e = 1\n g = 1 }\nc { f = 1\n g = 2 }',
      { e: '1', f: '1', g: '1' },
    ],
    [
      'references over several lines',
      'a',
      'a : b,\n c\n { d = 1 }\nb { e = 1 }\nc { f = 1 }',
      { d: '1', e: '1', f: '1' },
    ],
    ['an empty assignment hides', 'c', 'a { b = 1\n d = 2 }\nc : a { b =\n }', { b: null, d: '2' }],
    [
      'sections merge',
      'c',
      'a { s { x = 1\n z = 1 } t { u = 1 } }\nc : a { s { y = 2\n z = 2 } }',
      { s: { x: '1', y: '2', z: '2' }, t: { u: '1' } },
    ],
    [
      'inheritance is inherited',
      'c',
      'a { x = 1 }\nb : a { y = 2 }\nc : b { z = 3 }',
      { x: '1', y: '2', z: '3' },
    ],
  ])('%s', (_, name, text, expected) => {
    const { root, errors } = read(text);
    const section = root.sections.get(name);
    expect(errors).toEqual([]);
    expect(section && plain(section)).toEqual(expected);
  });

  it('does not change the section that is inherited from', () => {
    const { root } = read('a { s { x = 1 } }\nc : a { s { y = 2 } }');
    expect(plain(root)).toEqual({ a: { s: { x: '1' } }, c: { s: { x: '1', y: '2' } } });
  });

  it('reports a reference to a section that is not there', () => {
    expect(read('x { a : defualts { } }\ndefaults { }\n').errors).toEqual([
      '/m.conf:1:9: x.a: there is no section "defualts" to inherit from; did you mean "defaults"?',
    ]);
  });

  it('reports a circle', () => {
    expect(read('a : b { }\nb : a { x = 1 }\n').errors).toEqual([
      '/m.conf:2:5: b: "a" inherits from itself in the end',
    ]);
  });

  it('bounds a chain and what it copies', () => {
    const chain = Array.from({ length: 200 }, (_, i) => `s${i} : s${i + 1} { }`).join('\n');
    expect(read(`${chain}\ns200 { }`).errors[0]).toContain('more than 32 sections inherit');
    const keys = Array.from({ length: 2000 }, (_, i) => `k${i} = 1`).join('\n');
    const users = Array.from({ length: 200 }, (_, i) => `u${i} : base { }`).join('\n');
    expect(read(`base { ${keys}\n }\n${users}`).errors).toEqual([
      '/m.conf:2052:7: u50: more than 100000 settings are inherited',
    ]);
  });
});

describe('any text', () => {
  const pieces = fc.constantFrom(
    'a',
    'b.c',
    ' ',
    '\n',
    '{',
    '}',
    '=',
    ':',
    ',',
    '"',
    '\\',
    '#',
    'include ',
    'x*',
    '.',
    '\r',
    '\t',
    'é',
  );

  it('never throws, and always says something or understands all', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        const { errors } = read(parts.join(''), { '/x1': 'a = 1\nb : a {' });
        for (const error of errors) expect(error).toMatch(/^\/(m\.conf|x1):\d+:\d+: /);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws on other characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void read(text)),
    );
  });

  it.each<[string, string]>([
    ['open braces', 'a{'],
    ['values on one line', 'a = "b" '],
    ['quotes', 'a = "\\\n'],
    ['comments', '#\n'],
    ['blank lines', '\n'],
    ['closing braces', '}'],
    ['references', 'a:a{}\n'],
    ['words', 'w '],
    ['braces and keys', 'a{b=c}\n'],
  ])('takes time in proportion to its length: %s', (_, piece) => {
    const seconds = (count: number): number => {
      const text = piece.repeat(count);
      const start = process.hrtime.bigint();
      read(text);
      return Number(process.hrtime.bigint() - start) / 1e9;
    };
    seconds(1000);
    // Quadratic time would take minutes for a million pieces.
    expect(seconds(300_000)).toBeLessThan(5);
  });
});
