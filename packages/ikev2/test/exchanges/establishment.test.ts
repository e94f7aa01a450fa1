import { describe, expect, it } from 'vitest';
import { identity, Pair } from '../pair.ts';

describe('establishment (RFC 7296 §1.2)', () => {
  it('opens an IKE SA and a Child SA in two exchanges', () => {
    const pair = new Pair().open();
    expect(pair.client.story).toEqual([
      'sent IKE_SA_INIT request: SA KE No N(NAT_DETECTION_SOURCE_IP) N(NAT_DETECTION_DESTINATION_IP) N(IKEV2_FRAGMENTATION_SUPPORTED)',
      'received IKE_SA_INIT response: SA KE No N(NAT_DETECTION_SOURCE_IP) N(NAT_DETECTION_DESTINATION_IP) N(IKEV2_FRAGMENTATION_SUPPORTED)',
      'sent IKE_AUTH request: IDi AUTH SA TSi TSr N(INITIAL_CONTACT)',
      'received IKE_AUTH response: IDr AUTH SA TSi TSr',
    ]);
    expect(pair.client.seen('session-opened')).toHaveLength(1);
    expect(pair.server.seen('session-opened')[0]).toMatchObject({
      localIdentity: identity('server'),
      remoteIdentity: identity('client'),
    });
  });

  it('gives both ends mirrored SPIs, keys and selectors (RFC 7296 §2.17)', () => {
    const pair = new Pair().open();
    const [client] = pair.client.children.values();
    const [server] = pair.server.children.values();
    expect(client?.inboundSpi).toBe(server?.outboundSpi);
    expect(client?.outboundSpi).toBe(server?.inboundSpi);
    expect(client?.inboundKeys.encryption.reveal()).toEqual(
      server?.outboundKeys.encryption.reveal(),
    );
    expect(client?.outboundKeys.encryption.reveal()).toEqual(
      server?.inboundKeys.encryption.reveal(),
    );
    expect(client?.inboundKeys.encryption.reveal()).not.toEqual(
      client?.outboundKeys.encryption.reveal(),
    );
    expect(client?.localSelectors).toEqual(server?.remoteSelectors);
    expect(client?.remoteSelectors).toEqual(server?.localSelectors);
  });
});
