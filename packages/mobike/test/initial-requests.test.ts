import { formatEndpoint } from '@ipsec-kit/ip';
import { initialRequests } from '@ipsec-kit/mobike';
import { expect, it } from 'vitest';
import { path } from './addresses.ts';

it('makes one IKE_SA_INIT for each address of the peer, to leave from all of ours (RFC 4555 §3.1)', () => {
  const requests = initialRequests([
    path('10.0.0.2', '192.0.2.1'),
    path('100.64.0.9', '192.0.2.1'),
    path('10.0.0.2', '192.0.2.2'),
    path('10.0.0.2', '192.0.2.1'),
  ]);
  const shown = requests.map(({ remote, locals }) => [
    formatEndpoint(remote),
    locals.map(formatEndpoint),
  ]);
  expect(shown).toEqual([
    ['192.0.2.1:4500', ['10.0.0.2:4500', '100.64.0.9:4500']],
    ['192.0.2.2:4500', ['10.0.0.2:4500']],
  ]);
});
