import { KeyMaterial } from '@ipsec-kit/crypto';
import type { EapMethod, EapPeerMethod, EapStep } from '@ipsec-kit/eap';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/compile/compile-options.ts';
import type { EapMethodOptions, EapMethodQuestion } from '../../src/options.ts';
import { clientOptions } from '../memory-world.ts';
import { cardMethod, cards } from './card-method.ts';
import { CAROL, openByEap, SERVER } from './open-by-eap.ts';
import { type Issued, TestPki } from './test-pki.ts';

const KEY = '465b5ce8b199b49faa5f0a2ee238a6bc';

let pki: TestPki;
let server: Issued;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await pki.issue('server', SERVER);
});

interface Ends {
  readonly client?: readonly EapMethodOptions[];
  readonly server?: readonly EapMethodOptions[];
  readonly clientAuth?: string;
  readonly serverAuth?: string;
}

const withCard = (perform = cards({ [CAROL]: KEY })): EapMethodOptions => ({
  name: 'eap-card',
  method: cardMethod,
  perform,
});

const run = (ends: Ends = {}) => {
  const { clientAuth = 'eap-card' } = ends;
  return openByEap({
    pki,
    server,
    auth: 'eap-card',
    serverAuth: ends.serverAuth,
    local: { auth: clientAuth },
    clientMore: {
      eapSecrets: [{ ids: [CAROL], secret: 'unused' }],
      eapMethods: ends.client ?? [withCard()],
    },
    serverMore: { eapMethods: ends.server ?? [withCard()] },
  });
};

describe("an EAP method of somebody else's (RFC 3748 §7.10)", () => {
  it('proves a client, its work being done on either side', async () => {
    const heard: Pick<EapMethodQuestion, 'role' | 'user' | 'operation'>[] = [];
    const card = withCard(cards({ [CAROL]: KEY }, heard));
    const { failure, status } = await run({ client: [card], server: [card] });
    expect(failure).toBeUndefined();
    expect(status.client.state).toBe('open');
    expect(status.server.sessions).toMatchObject([{ state: 'open', eapIdentity: CAROL }]);
    expect(heard).toEqual([
      { role: 'authenticator', user: CAROL, operation: 'vector' },
      { role: 'peer', user: CAROL, operation: 'authenticate' },
    ]);
  });

  it('that is mutual proves the server as well, and nothing else does (RFC 5998 §4)', async () => {
    const { failure, events } = await run({ serverAuth: 'eap-card' });
    expect(failure).toBeUndefined();
    const payloads = events.client.flatMap((event) =>
      event.kind === 'message' && event.exchange === 'IKE_AUTH' ? [event.payloads] : [],
    );
    expect(payloads[0]).toContain('N(EAP_ONLY_AUTHENTICATION)');
    expect(payloads[1]).toBe('IDr EAP');
  });

  it('a card of another key is refused, and so is a server that does not know it', async () => {
    const wrong = withCard(cards({ [CAROL]: '0'.repeat(32) }));
    const { failure } = await run({ server: [wrong] });
    expect(failure).toContain('the server has not shown that it knows carol@example.org');
    const unknown = await run({ server: [withCard(cards({}))] });
    expect(unknown.said).toContain('the password or certificate of carol@example.org is wrong');
    expect(unknown.failure).toMatch(/^The peer answered AUTHENTICATION_FAILED/);
  });

  it('is refused with a Nak where it is not known (RFC 3748 §5.3.1)', async () => {
    const { failure, said } = await run({ clientAuth: 'eap-mschapv2' });
    expect(said).toContain('it takes none of eap-card; set both sides to the same method');
    expect(failure).toMatch(/the server wants AKA, and this side has eap-mschapv2; set both/);
  });

  it('that never comes to an end is ended, and both sides say so', async () => {
    const more = (): EapStep => ({ kind: 'send', data: Uint8Array.of(1) });
    const stop = (): EapStep => ({ kind: 'ignore' });
    const method: EapMethod = {
      ...cardMethod,
      createPeer: () => ({ request: more, answer: stop, outcome: undefined }),
      createAuthenticator: () => ({ start: more, response: more, answer: stop }),
    };
    const endless = [{ name: 'eap-card', method }];
    const { failure, said, events } = await run({ client: endless, server: endless });
    expect(failure).toBe('EAP for carol@example.org failed: the EAP conversation does not end.');
    expect(said).toMatch(/ended the EAP conversation/);
    const sent = events.client.filter(
      (event) => event.kind === 'message' && event.exchange === 'IKE_AUTH',
    );
    expect(sent.length).toBeGreaterThan(100);
    expect(sent.length).toBeLessThan(2 * 72);
  });

  const peerThat = (more: Partial<EapPeerMethod>): EapMethod => ({
    ...cardMethod,
    createPeer: (context) => {
      const good = cardMethod.createPeer(context);
      return {
        request: (data, id) => good.request(data, id),
        answer: (answer) => good.answer(answer),
        get outcome() {
          return good.outcome;
        },
        ...more,
      };
    },
  });
  const throws = (): never => {
    throw new Error(`the key is ${KEY}`);
  };

  it.each<[string, Omit<EapMethodOptions, 'name'>, string]>([
    ['throws', { method: peerThat({ request: throws }) }, 'the EAP method eap-card threw an error'],
    [
      'cannot be made',
      { method: { ...cardMethod, createPeer: throws } },
      'the EAP method eap-card threw an error',
    ],
    [
      'makes a short key',
      { method: peerThat({ outcome: { msk: new KeyMaterial(new Uint8Array(32).fill(1)) } }) },
      'the EAP method eap-card made an MSK of less than 64 bytes (RFC 3748 §7.10)',
    ],
    [
      'has nobody for its work',
      { method: cardMethod },
      'the work "authenticate" of the EAP method eap-card is for nobody: give it perform in eapMethods',
    ],
    [
      'has work that fails',
      { method: cardMethod, perform: throws },
      'the work "authenticate" of the EAP method eap-card failed',
    ],
  ])('that %s ends the session with a sentence, without what it says', async (_, bad, words) => {
    const perform = words.includes('work') ? {} : { perform: cards({ [CAROL]: KEY }) };
    const { failure, events, said } = await run({
      client: [{ name: 'eap-card', ...perform, ...bad }],
    });
    expect(failure).toBe(`EAP for carol@example.org failed: ${words}.`);
    // The server hears no more than that it is over.
    expect(said).toMatch(/ended the EAP conversation|could not be authenticated/);
    const replacer = (_: string, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value;
    expect(JSON.stringify([events, failure], replacer)).not.toContain(KEY);
  });

  it.each<[string, unknown, string]>([
    ['no list', {}, 'expected a list of at most 16 methods'],
    ['no object', [7], 'expected { name, method, perform }'],
    ['a strange name', [{ ...withCard(), name: 'aka' }], 'expected eap- and small letters'],
    ['a known name', [{ ...withCard(), name: 'eap-tls' }], 'eap-tls is the name of another method'],
    ['two of a name', [withCard(), withCard()], 'eap-card is the name of another method'],
    ['no method', [{ name: 'eap-card', method: {} }], 'expected an EapMethod'],
    [
      'a type that is none',
      [{ name: 'eap-card', method: { ...cardMethod, type: 3 } }],
      'expected a type of 4 to 253, got 3',
    ],
    [
      'a type that is there',
      [{ name: 'eap-card', method: { ...cardMethod, type: 13 } }],
      'there is a method of the type 13 already',
    ],
    ['no function', [{ ...withCard(), perform: 7 }], 'expected a function that does the work'],
  ])('is refused in the configuration: %s', (_, eapMethods, sentence) => {
    const options = clientOptions({}, {});
    const compiled = compileOptions({ ...options, eapMethods: eapMethods as [] });
    const sentences = compiled.ok ? [] : compiled.errors.map(({ message }) => message);
    expect(sentences.join('\n')).toContain(sentence);
  });
});
