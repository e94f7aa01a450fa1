import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { encodeOcspRequest } from '@ipsec-kit/x509';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import type { VpnEvent } from '../../src/events.ts';
import type { ConnectionOptions, VpnOptions } from '../../src/options.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  serverOn,
  serverOptions,
} from '../memory-world.ts';
import { type Issued, issuedBy, newCa } from './home-ca.ts';
import { OpensslResponder } from './openssl-responder.ts';

/** What a liar sends instead of the answer of its responder. */
const lie = vi.hoisted(() => ({ data: undefined as Uint8Array | undefined }));

vi.mock('../../src/credentials/own-evidence.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/credentials/own-evidence.ts')>();
  const createOwnEvidence: typeof original.createOwnEvidence = (options) => {
    const honest = original.createOwnEvidence(options);
    return async (chain) =>
      lie.data === undefined ? honest(chain) : { encoding: 14, data: lie.data };
  };
  return { ...original, createOwnEvidence };
});

const gate = interopGate(['openssl'], 'answers of openssl ocsp');

type Role = 'client' | 'server';
const names = { client: 'alice.example.org', server: 'vpn.example.org' } as const;

describe.skipIf(gate.skip).each(['client', 'server'] as const)(
  'the %s gives the answer of openssl ocsp inside IKE (RFC 4806)',
  (giver) => {
    const asker: Role = giver === 'client' ? 'server' : 'client';
    let ca: Issued;
    let own: Readonly<Record<Role, Issued>>;
    let responder: OpensslResponder;
    let url: string;
    let asksItself = false;

    beforeEach(async () => {
      lie.data = undefined;
      ca = await newCa();
      own = {
        client: await issuedBy(ca, names.client, { role: 'client' }),
        server: await issuedBy(ca, names.server, { role: 'server' }),
      };
      responder = new OpensslResponder(ca, Object.values(own));
      url = await responder.open();
    });
    afterEach(() => responder.close());

    /** The giver knows where its responder is; the asker has nothing but what it is given. */
    function options(
      role: Role,
      ocsp: ConnectionOptions['ocsp'],
      revocation: 'strict' | 'relaxed',
    ) {
      const peer = role === 'client' ? 'server' : 'client';
      const connection: Partial<ConnectionOptions> = {
        local: { auth: 'pubkey', certs: [own[role].pem], id: names[role] },
        remote: {
          ...{ auth: 'pubkey', id: names[peer] },
          // The giver has no questions of its own.
          ...(role === asker ? { cacerts: [ca.pem], revocation } : { certs: [own[peer].pem] }),
        },
        ...(ocsp === undefined ? {} : { ocsp }),
      };
      const more: Partial<VpnOptions> = {
        ...{ keys: [{ data: own[role].keyPem }], secrets: [] },
        // The responder is this process, too: on a busy machine its answer may take a while.
        settings: { retransmitTimeoutMs: 1_000, retransmitTries: 5 },
        authorities: [
          { cacert: ca.pem, ...(role === giver || asksItself ? { ocspUris: [url] } : {}) },
        ],
      };
      return role === 'client' ? clientOptions(connection, more) : serverOptions(connection, more);
    }

    async function meet({
      ocsp = {},
      revocation = 'strict',
      times = 1,
      asksItself: itself = false,
    }: {
      readonly ocsp?: Partial<Readonly<Record<Role, ConnectionOptions['ocsp']>>>;
      readonly revocation?: 'strict' | 'relaxed';
      readonly times?: number;
      /** Whether the asker knows where the responder is. */
      readonly asksItself?: boolean;
    } = {}) {
      asksItself = itself;
      const { hostAt } = createMemoryWorld();
      const s = serverOn(hostAt('192.0.2.1'), {
        options: options('server', ocsp.server, revocation),
      });
      const c = clientOn(hostAt('192.0.2.7'), {
        options: options('client', ocsp.client, revocation),
      });
      await s.server.open();
      const begun = performance.now();
      let failure: string | undefined;
      for (let i = 0; i < times && failure === undefined; i += 1) {
        if (i > 0) await c.client.perform({ action: 'reauth' });
        else failure = await c.client.open().then(() => undefined, String);
      }
      const ms = performance.now() - begun;
      await c.client.close({ patienceMs: 300 });
      await s.server.close({ patienceMs: 300 });
      const events = asker === 'client' ? c.events : s.events;
      return {
        ...{ failure, ms, asked: responder.askedOn(own[giver]) },
        sentence: eventOf(events, 'session-closed')?.sentence ?? failure,
        given: proofs(giver === 'client' ? c.events : s.events),
      };
    }

    it('is all that an asker needs who can reach nobody, and is fetched once until it runs out', async () => {
      const met = await meet({ times: 2 });
      expect(met).toMatchObject({ failure: undefined, asked: 1 });
      expect(met.given).toMatch(/^ID. CERT CERT /);
    });

    it('ends whom it says is revoked, who is told that it failed and no more', async () => {
      responder.revoke(own[giver]);
      const met = await meet();
      expect(met.sentence).toMatch(/has been revoked/);
      if (asker === 'server') expect(met.failure).not.toMatch(/revoked/);
    });

    it('is neither asked for nor given where the connection says so', async () => {
      const without = { failure: expect.any(String), asked: 0 };
      expect(await meet({ ocsp: { [giver]: 'never' } })).toMatchObject(without);
      expect(await meet({ ocsp: { [giver]: 'request' } })).toMatchObject(without);
      const met = await meet({ ocsp: { [asker]: 'reply' } });
      expect(met).toMatchObject(without);
      expect(met.sentence).toMatch(/nothing fresh says whether its certificate has been revoked/);
      expect(await meet({ revocation: 'relaxed' })).toMatchObject({ failure: undefined, asked: 0 });
    });

    it('is done without when the responder hangs', async () => {
      responder.hangs = true;
      const met = await meet({ revocation: 'relaxed', ocsp: { [asker]: 'both' } });
      expect(met).toMatchObject({ failure: undefined, asked: 1 });
      expect(met.ms).toBeLessThan(5_000);
      expect(met.given).toMatch(/^ID. CERT (?!CERT )/);
    });

    it('where the asker can only ask by itself, and nobody answers, it refuses in time and in words', async () => {
      responder.hangs = true;
      const met = await meet({ ocsp: { [giver]: 'never' }, asksItself: true });
      expect(met).toMatchObject({ failure: expect.any(String), asked: 1 });
      expect(met.sentence).toMatch(/nothing fresh says whether its certificate has been revoked/);
      // 5 s is what an answer may take, whatever else is tried.
      expect(met.ms).toBeLessThan(12_000);
    });

    it.each([
      ['of another certificate', async () => answerOn(own[asker])],
      ['of another CA with the same name', async () => answerOn(own[giver], await newCa())],
      [
        'that was changed',
        async () => (await answerOn(own[giver])).map((b, i) => (i === 200 ? b ^ 1 : b)),
      ],
      ['that is none', async () => new Uint8Array(3_000).fill(0x30)],
      ['that is nothing', async () => new Uint8Array(0)],
    ])('an answer %s says nothing', async (_what, answer) => {
      lie.data = await answer();
      const met = await meet();
      expect(met.failure).toBeDefined();
      expect(met.sentence).toMatch(/nothing fresh says whether its certificate has been revoked/);
    });

    async function answerOn({ certificate }: Issued, signer: Issued = ca): Promise<Uint8Array> {
      const other = new OpensslResponder(signer, Object.values(own));
      const question = { certificate, issuer: signer.certificate };
      const answer = await fetch(await other.open(), {
        method: 'POST',
        body: Buffer.from(encodeOcspRequest(question, createNodeProvider())),
      });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      other.close();
      return bytes;
    }
  },
);

/** What the messages hold with which a side proved who it is. */
function proofs(events: readonly VpnEvent[]): string {
  return events
    .flatMap((one) =>
      one.kind === 'message' && one.direction === 'sent' && one.exchange === 'IKE_AUTH'
        ? one.payloads
        : [],
    )
    .join('\n');
}
