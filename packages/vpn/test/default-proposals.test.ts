import { describe, expect, it } from 'vitest';
import type { VpnEvent } from '../src/events.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  serverOn,
  serverOptions,
} from './memory-world.ts';

/** The messages that a client has sent and received, each once, as `IKE_AUTH request`. */
function exchanges(events: readonly VpnEvent[]): readonly string[] {
  return events.flatMap((event) =>
    event.kind === 'message' && !event.retransmission
      ? [`${event.exchange} ${event.isResponse ? 'response' : 'request'}`]
      : [],
  );
}

/** The algorithms of an IKE SA when it stands. */
function suiteOf(events: readonly VpnEvent[]): string | undefined {
  return events.flatMap((event) => (event.kind === 'ike-sa-keyed' ? [event.suite] : [])).at(-1);
}

/** Bytes of what a client sends in IKE_SA_INIT. */
function initRequests(events: readonly VpnEvent[]): readonly number[] {
  const sent = events.flatMap((event) =>
    event.kind === 'message' && event.direction === 'sent' && !event.retransmission ? [event] : [],
  );
  return sent.filter(({ exchange }) => exchange === 'IKE_SA_INIT').map(({ bytes }) => bytes);
}

/** What a client sees that opens a tunnel; `undefined` proposals are the default. */
async function eventsOf(client?: string, server?: string): Promise<readonly VpnEvent[]> {
  const { hostAt } = createMemoryWorld();
  const proposals = (text?: string) => (text === undefined ? {} : { proposals: text.split(', ') });
  const s = serverOn(hostAt('192.0.2.1'), { options: serverOptions(proposals(server)) });
  await s.server.open();
  const c = clientOn(hostAt('192.0.2.7'), { options: clientOptions(proposals(client)) });
  await c.client.open();
  await c.client.close();
  await s.server.close();
  return c.events;
}

describe('the default proposals', () => {
  it('make a hybrid of x25519 and ML-KEM-768, without another round trip in IKE_SA_INIT (RFC 9370 §2.2)', async () => {
    const events = await eventsOf();
    expect(suiteOf(events)).toBe('AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519/KE1_ML_KEM_768');
    expect(exchanges(events).slice(0, 6)).toEqual([
      'IKE_SA_INIT request',
      'IKE_SA_INIT response',
      'IKE_INTERMEDIATE request',
      'IKE_INTERMEDIATE response',
      'IKE_AUTH request',
      'IKE_AUTH response',
    ]);
  });

  const classical = 'aes256gcm16-prfsha384-ecp384, aes256-sha256-x25519';

  it.each([
    ['responder', undefined, classical, 'AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384'],
    ['initiator', classical, undefined, 'AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384'],
    [
      'responder',
      undefined,
      'aes128-sha256-x25519',
      'AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519',
    ],
  ])(
    'open an IKE SA all the same with a peer as %s that has no additional key exchanges (RFC 9370 §2.2.1)',
    async (_, client, server, suite) => {
      const events = await eventsOf(client, server);
      expect(suiteOf(events)).toBe(suite);
      expect(exchanges(events)).not.toContain('IKE_INTERMEDIATE request');
    },
  );

  it.each([
    ['aes256-sha512-ecp521-ke1_mlkem768', 'ECP_521/KE1_ML_KEM_768'],
    ['aes128gcm16-prfsha256-modp3072-ke1_mlkem768-ke1_none', 'MODP_3072/KE1_ML_KEM_768'],
    ['aes256-sha256-x25519-ke1_mlkem1024-ke1_none', 'CURVE_25519'],
  ])('meet a peer that has %s', async (server, suite) => {
    expect(suiteOf(await eventsOf(undefined, server))).toMatch(new RegExp(`/${suite}$`));
  });

  it('fit into a packet that every path carries, also with the largest group that a peer may ask for', async () => {
    const [first = 0, asked = 0, ...more] = initRequests(
      await eventsOf(undefined, 'aes256-sha256-modp4096'),
    );
    expect(more).toEqual([]);
    const headers = 40 + 8;
    // The first one leaves room for a cookie, and for hashes of signatures. RFC 8200 §5: what every link of IPv6 carries.
    expect(first + headers + 72 + 18).toBeLessThan(1280);
    expect(asked + headers + 72 + 18).toBeLessThan(1400);
  });
});
