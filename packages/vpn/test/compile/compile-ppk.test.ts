import { describe, expect, it } from 'vitest';
import { compilePpks, compilePpkUse } from '../../src/compile/compile-ppk.ts';
import { OptionChecks } from '../../src/compile/option-checks.ts';
import type { ConnectionOptions, PpkOptions } from '../../src/options.ts';

const secret = 'thirty-two bytes of randomness..';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function compile(
  ppks: readonly PpkOptions[] | undefined,
  connection: Pick<ConnectionOptions, 'ppkId' | 'ppkIdType' | 'ppkRequired'> = {},
) {
  const checks = new OptionChecks(new Map());
  const keys = compilePpks(checks, ppks);
  const options = { ...connection, local: {}, remote: {}, children: {} };
  const { ppk } = compilePpkUse(checks, 'connections.home', options, keys);
  return { keys, ppk, problems: checks.problems.map(({ path, sentence }) => [path, sentence]) };
}

describe('post-quantum pre-shared keys (RFC 8784 §2)', () => {
  it('are not there, and not used, unless they are given', () => {
    expect(compile(undefined)).toEqual({ keys: [], ppk: undefined, problems: [] });
  });

  it('are taken from peers by every connection, and offered by the one that names one', () => {
    const ppks = [{ ids: ['carol', 'carol@example.org'], secret }];
    const server = compile(ppks);
    expect(server.problems).toEqual([]);
    expect(server.keys.map(({ id }) => id)).toEqual([bytes('carol'), bytes('carol@example.org')]);
    expect(server.ppk).toEqual({ required: false, keys: server.keys });
    const client = compile(ppks, { ppkId: 'carol@example.org', ppkRequired: true });
    expect(client.problems).toEqual([]);
    expect(client.ppk).toMatchObject({
      required: true,
      own: { id: bytes('carol@example.org'), idType: 'fixed' },
    });
    expect(client.ppk?.own?.key.reveal()).toEqual(bytes(secret));
    expect(compile(ppks, { ppkId: 'carol', ppkIdType: 'opaque' }).ppk?.own?.idType).toBe('opaque');
  });

  it.each<[readonly PpkOptions[] | undefined, Parameters<typeof compile>[1], string, RegExp]>([
    [[{ ids: [], secret }], {}, 'ppks[0].ids', /needs the name that its peers have for it/],
    [[{ ids: ['a'], secret: '' }], {}, 'ppks[0].secret', /^expected 1 to 4096 bytes, got 0$/],
    [[{ ids: ['a', 'a'], secret }], {}, 'ppks[0].ids[1]', /two .* with the name "a"$/],
    [[{ ids: ['%any'], secret }], {}, 'ppks[0].ids[0]', /^expected a name of 1 to 1023 bytes$/],
    [[{ ids: ['a'.repeat(2000)], secret }], {}, 'ppks[0].ids[0]', /^expected a name of 1 to 1023/],
    [[{ ids: ['a'], secret }], { ppkId: 'b' }, 'connections.home.ppkId', /with the name "b"/],
    [
      undefined,
      { ppkRequired: true },
      'connections.home.ppkRequired',
      /required, and there is none/,
    ],
  ])('refuse %j with %j', (ppks, connection, path, sentence) => {
    expect(compile(ppks, connection).problems).toEqual([[path, expect.stringMatching(sentence)]]);
  });
});
